"""Real engines, reached in each way: what they make of images, and that only one is touched."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from qingkong_build.oci.engine import client, offer
from qingkong_build.oci.engine.address import locate
from qingkong_build.oci.engine.answers import EngineImage
from qingkong_build.oci.engine.client import Engine
from qingkong_build.oci.engine.engines_for_tests import (
    StartedEngine,
    docker_engine,
    podman_engine,
    program,
    short_folder,
    ssh_server,
)
from qingkong_build.oci.engine.errors import EngineRefusedError, EngineUnreachableError

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="starting engines takes root")


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    # How soon a busy machine answers is not what is tested here.
    monkeypatch.setattr(client, "ANSWER_SECONDS", 60.0)


@pytest.fixture(scope="module")
def second_docker() -> Iterator[StartedEngine]:
    with short_folder() as folder, docker_engine(folder) as engine:
        yield engine


@pytest.fixture(scope="module")
def podman() -> Iterator[StartedEngine]:
    with short_folder() as folder, podman_engine(folder, rootless=False) as engine:
        yield engine


@pytest.fixture(scope="module")
def rootless_podman() -> Iterator[StartedEngine]:
    with short_folder() as folder, podman_engine(folder, rootless=True) as engine:
        yield engine


@pytest.fixture(scope="module")
def over_tls(second_docker: StartedEngine) -> StartedEngine:
    port = (second_docker.folder / "port").read_text(encoding="utf-8")
    return second_docker.reached_by(
        DOCKER_HOST=f"tcp://127.0.0.1:{port}",
        DOCKER_TLS_VERIFY="1",
        DOCKER_CERT_PATH=str(second_docker.folder / "tls"),
    )


@pytest.fixture(scope="module")
def by_context(over_tls: StartedEngine) -> StartedEngine:
    """A context that the `docker` client itself has made."""
    config, tls = over_tls.folder / "config", over_tls.folder / "tls"
    description = f"host={over_tls.variables['DOCKER_HOST']},ca={tls}/ca.pem"
    description += f",cert={tls}/cert.pem,key={tls}/key.pem"
    docker = program("docker", "docker.io")
    for words in (["create", "second", "--docker", description], ["use", "second"]):
        environment = {"DOCKER_CONFIG": str(config), "PATH": os.environ["PATH"]}
        subprocess.run([docker, "context", *words], env=environment, check=True)
    return over_tls.reached_by(DOCKER_CONFIG=str(config))


@pytest.fixture(scope="module")
def over_ssh(second_docker: StartedEngine) -> Iterator[StartedEngine]:
    with short_folder() as folder, ssh_server(folder) as (port, programs):
        yield second_docker.reached_by(
            DOCKER_HOST=f"ssh://root@127.0.0.1:{port}{second_docker.folder}/d.sock",
            PATH=f"{programs}:{os.environ['PATH']}",
        )


def engine_of(started: StartedEngine) -> Engine:
    variables = {"HOME": str(started.folder), "PATH": os.environ["PATH"], **started.variables}
    return Engine(locate(variables), variables)


ENGINES = ("second_docker", "podman", "rootless_podman", "over_tls", "by_context", "over_ssh")


each_engine = pytest.mark.parametrize("engine_name", ENGINES)


@pytest.fixture
def started(engine_name: str, request: pytest.FixtureRequest) -> StartedEngine:
    found = request.getfixturevalue(engine_name)
    assert isinstance(found, StartedEngine)
    return found


class Layers:
    """Layers of content of its own each time, so that no engine has one from before."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.name = f"container-engine-test:{self.mark}"
        self.tars: dict[str, bytes] = {}

    def add(self, name: str) -> str:
        """A new layer's diff ID."""
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo(f"{self.mark}-{name}")
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
        digest = hashlib.sha256(file.getvalue()).hexdigest()
        self.tars[digest] = file.getvalue()
        return digest

    def only(self, *diff_ids: str) -> dict[str, bytes]:
        return {digest: self.tars[digest] for digest in diff_ids}


def config(*diff_ids: str) -> tuple[bytes, str]:
    """A config, and the image's ID."""
    content = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-01-02T03:04:05Z",
            "config": {"Env": ["PATH=/bin"], "User": "10001:10001", "Cmd": ["true"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{each}" for each in diff_ids]},
            "history": [{"created_by": "test"} for _ in diff_ids],
        }
    ).encode()
    return content, hashlib.sha256(content).hexdigest()


def required(engine: Engine, name: str) -> EngineImage:
    image = engine.inspect(name)
    assert image is not None, f"no {name} in {engine}"
    return image


@each_engine
def test_an_engine_takes_an_image_and_then_only_what_it_lacks(started: StartedEngine) -> None:
    engine = engine_of(started)
    assert engine.identify().name == started.name
    layers = Layers()
    low, high, later = layers.add("low"), layers.add("high"), layers.add("later")
    name, alias = layers.name, f"{layers.name}-2"
    assert engine.inspect(name) is None
    content, image_id = config(low, high)
    with pytest.raises(EngineRefusedError):
        engine.load(content, image_id, [name], (low, high), layers.only(high))
    assert engine.inspect(name) is None
    engine.load(content, image_id, [name, alias], (low, high), layers.only(low, high))
    image = required(engine, name)
    assert (image.id, image.diff_ids) == (image_id, (low, high))
    read = json.loads(image.config)
    assert (read["created"], read["config"]["User"]) == ("2026-01-02T03:04:05Z", "10001:10001")
    assert required(engine, alias) == image
    # The lowest layer is in the engine: it is not sent again.
    content, changed_id = config(low, later)
    engine.load(content, changed_id, [name], (low, later), layers.only(later))
    assert required(engine, name).id == changed_id
    assert required(engine, alias).id == image_id
    # What comes out again is what went in, the layer that was not sent included.
    with tarfile.open(fileobj=io.BytesIO(b"".join(engine.save(required(engine, name))))) as saved:
        (manifest,) = json.load(saved.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert len(manifest["Layers"]) == 2
        contents = [saved.extractfile(path).read() for path in manifest["Layers"]]  # type: ignore[union-attr]
    assert {hashlib.sha256(each).hexdigest() for each in contents} == {low, later}
    for each in (name, alias):
        engine.remove(each)
        assert engine.inspect(each) is None


@each_engine
def test_a_layer_that_is_not_what_its_digest_says_is_refused(started: StartedEngine) -> None:
    engine = engine_of(started)
    layers = Layers()
    digest, other = layers.add("layer"), layers.add("other")
    content, image_id = config(digest)
    with pytest.raises(EngineRefusedError, match=f"loading {layers.name}"):
        engine.load(content, image_id, [layers.name], (digest,), {digest: layers.tars[other]})
    assert engine.inspect(layers.name) is None


def test_an_image_lands_in_the_chosen_engine_only(
    second_docker: StartedEngine, podman: StartedEngine, rootless_podman: StartedEngine
) -> None:
    layers = Layers()
    digest = layers.add("layer")
    content, image_id = config(digest)
    engines = [engine_of(each) for each in (second_docker, podman, rootless_podman)]
    with contextlib.suppress(EngineUnreachableError):
        # The machine's own, which nothing named.
        machine = Engine(locate({"DOCKER_HOST": "unix://"}), {})
        machine.identify()
        engines.append(machine)
    for chosen in engines[:3]:
        chosen.load(content, image_id, [layers.name], (digest,), layers.tars)
        assert [each for each in engines if each.inspect(layers.name)] == [chosen]
        chosen.remove(layers.name)


@each_engine
def test_a_refused_pull_says_why(started: StartedEngine) -> None:
    with pytest.raises(EngineRefusedError, match=r"127.0.0.1:1.*refused"):
        engine_of(started).pull("127.0.0.1:1/nothing:1")


def test_a_process_reads_an_image_without_knowing_the_engine(over_tls: StartedEngine) -> None:
    engine = engine_of(over_tls)
    layers = Layers()
    digest = layers.add("layer")
    content, image_id = config(digest)
    engine.load(content, image_id, [layers.name], (digest,), layers.tars)
    offered = json.loads(offer.offer_content(engine.address, engine.environment, image_id))
    done = subprocess.run(
        offered["argv"],
        env=offered["env"],
        input=offered["stdin"].encode(),
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert "manifest.json" in archive.getnames()
    assert sys.executable in offered["argv"]
    engine.remove(layers.name)
    gone = subprocess.run(
        offered["argv"],
        env=offered["env"],
        input=offered["stdin"].encode(),
        capture_output=True,
        check=False,
    )
    assert gone.returncode == 1
    assert f"no longer has sha256:{image_id}" in gone.stderr.decode()


def test_wrong_certificates_and_wrong_hosts_are_named(
    over_tls: StartedEngine, over_ssh: StartedEngine, tmp_path: Path
) -> None:
    host = over_tls.variables["DOCKER_HOST"]
    stranger = over_tls.reached_by(
        DOCKER_HOST=host, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(tmp_path)
    )
    with pytest.raises(EngineUnreachableError, match=f"{host}.*TLS: CERT.*Fix: DOCKER_CERT_PATH"):
        engine_of(stranger).identify()
    with pytest.raises(EngineUnreachableError, match=f"{host}.*HTTPS server.*Fix: "):
        engine_of(over_tls.reached_by(DOCKER_HOST=host)).identify()
    nowhere = over_ssh.reached_by(
        DOCKER_HOST="ssh://root@127.0.0.1:1", PATH=over_ssh.variables["PATH"]
    )
    with pytest.raises(EngineUnreachableError, match=r"127.0.0.1:1.*ssh says: .*refused"):
        engine_of(nowhere).identify()
