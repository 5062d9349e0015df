"""`docker_image` and bases of images, with engines that a variable chooses."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import tarfile
from collections.abc import Iterator

import pytest
from pants.backend.docker.goals.package_image import DockerPackageFieldSet
from pants.backend.docker.package_types import BuiltDockerImage
from pants.backend.docker.util_rules.docker_binary import DockerBinary
from pants.backend.python import target_types_rules
from pants.core.goals.package import BuiltPackage
from pants.engine.addresses import Address
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine
from qingkong_build.oci.engine.address import locate
from qingkong_build.oci.engine.client import Engine
from qingkong_build.oci.engine.engines_for_tests import (
    StartedEngine,
    docker_engine,
    podman_engine,
    short_folder,
)
from qingkong_build.oci.image import register
from qingkong_build.oci.image.base import Base, BaseRequest, BaseSource
from qingkong_build.oci.layers import register as layers_backend

BASE = "127.0.0.1:1/base:1"
STAND_IN = "stand-in-for-test:1"
BUILD = f"""\
filesystem_layer(name="layer", files={{"/etc/app": "content"}})
oci_image(
    name="oci",
    base="{BASE}",
    layers=[":layer"],
    user="10001:10001",
    repo_tags=["engine-test:1"],
)
docker_image(name="image", image=":oci")
"""


@pytest.fixture(scope="module")
def docker() -> Iterator[StartedEngine]:
    with short_folder() as folder, docker_engine(folder) as engine:
        yield engine


@pytest.fixture(scope="module")
def podman() -> Iterator[StartedEngine]:
    with short_folder() as folder, podman_engine(folder, rootless=True) as engine:
        yield engine


@pytest.fixture
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *target_types_rules.rules(),
            *register.rules(),
            *layers_backend.rules(),
            QueryRule(BuiltPackage, [DockerPackageFieldSet]),
            QueryRule(BaseSource, [BaseRequest]),
            QueryRule(Base, [BaseRequest]),
            QueryRule(DockerBinary, []),
        ],
        target_types=[
            *register.target_types(),
            *layers_backend.target_types(),
        ],
    )
    runner.write_files({"app/BUILD": BUILD})
    return runner


def choose(runner: RuleRunner, host: str, *options: str) -> None:
    machine.set_options(
        runner,
        [
            "--python-interpreter-constraints=['CPython==3.9.*']",
            *options,
        ],
        env={"DOCKER_HOST": host, "HOME": os.environ.get("HOME", "/")},
    )


def engine_of(started: StartedEngine) -> Engine:
    return Engine(locate(started.variables), {})


def load_base(engine: Engine, name: str) -> str:
    """A base of one layer. Returns the image's ID."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("base"))
    layer = file.getvalue()
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["true"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "test"}],
    }
    content = json.dumps(config).encode()
    image_id = hashlib.sha256(content).hexdigest()
    engine.load(content, image_id, [name], (digest,), {digest: layer})
    return image_id


def package(runner: RuleRunner) -> BuiltDockerImage:
    target = runner.get_target(Address("app", target_name="image"))
    built = runner.request(BuiltPackage, [DockerPackageFieldSet.create(target)])
    (artifact,) = built.artifacts
    assert isinstance(artifact, BuiltDockerImage)
    return artifact


def test_the_image_lands_in_the_engine_that_a_variable_names(
    repository: RuleRunner, docker: StartedEngine, podman: StartedEngine
) -> None:
    engines = {started.name: engine_of(started) for started in (docker, podman)}
    for engine in engines.values():
        load_base(engine, BASE)
    ids = set()
    docker_host, podman_host = (each.variables["DOCKER_HOST"] for each in (docker, podman))
    for started, host, callers, options in (
        (docker, docker_host, docker_host, []),
        (podman, podman_host, podman_host, []),
        # What the repository says comes before what the caller says. And the image was removed
        # since it was built in this engine, which Pants must notice.
        (docker, docker_host, podman_host, [f"--docker-env-vars=DOCKER_HOST={docker_host}"]),
    ):
        choose(repository, callers, *options)
        artifact = package(repository)
        engine = engines[started.name]
        line = f"Container engine: {engine.identify()} at {host} (DOCKER_HOST)"
        assert artifact.extra_log_lines[-1] == line
        having = {name for name, each in engines.items() if each.inspect("engine-test:1")}
        assert having == {started.name}
        image = engine.inspect("engine-test:1")
        assert image is not None
        assert f"sha256:{image.id}" == artifact.image_id
        assert len(image.diff_ids) == 2
        ids.add(image.id)
        # Pants' own use of the client goes there, too.
        client = repository.request(DockerBinary, [])
        assert client.extra_env["DOCKER_HOST"] == host
        engine.remove("engine-test:1")
    # The same image, whichever engine has it.
    assert len(ids) == 1
    for engine in engines.values():
        engine.remove(BASE)


def test_an_image_in_zstd_is_sent_uncompressed(
    repository: RuleRunner, docker: StartedEngine
) -> None:
    """Docker 20.10 reads no zstd, and nothing is compressed for an engine: no tool is set."""
    engine = engine_of(docker)
    load_base(engine, BASE)
    ids = set()
    for more in ("", '    compression="zstd",\n'):
        build = BUILD.replace("    repo_tags=", f"{more}    repo_tags=")
        repository.write_files({"app/BUILD": build})
        choose(repository, docker.variables["DOCKER_HOST"])
        ids.add(package(repository).image_id)
        engine.remove("engine-test:1")
    assert len(ids) == 1
    engine.remove(BASE)


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ("image=':layer'", ("'image' field", "':layer'", "no `oci_image`")),
        ("image=':oci', target_stage='x'", ("'target_stage' field", "'x'", "`docker build`")),
        ("image=':nameless'", ("'repo_tags' field in target app:nameless", "[]", "app:image")),
    ],
)
def test_a_docker_image_that_names_no_image_is_one_error(
    repository: RuleRunner, docker: StartedEngine, fields: str, parts: tuple[str, ...]
) -> None:
    nameless = f'oci_image(name="nameless", base="{BASE}", layers=[":layer"])\n'
    build = BUILD.replace('image=":oci"', fields) + nameless
    repository.write_files({"app/BUILD": build})
    choose(repository, docker.variables["DOCKER_HOST"])
    with pytest.raises(ExecutionError) as error:
        package(repository)
    for part in (*parts, "Fix: "):
        assert part in str(error.value)


def test_its_own_names_take_the_place_of_those_of_the_image(
    repository: RuleRunner, docker: StartedEngine
) -> None:
    engine = engine_of(docker)
    load_base(engine, BASE)
    fields = "image=':oci', repository='own-name', image_tags=['2', '3']"
    repository.write_files({"app/BUILD": BUILD.replace('image=":oci"', fields)})
    choose(repository, docker.variables["DOCKER_HOST"])
    assert package(repository).tags == ("own-name:2", "own-name:3")
    assert engine.inspect("own-name:3") is not None
    assert engine.inspect("engine-test:1") is None
    for name in ("own-name:2", "own-name:3", BASE):
        engine.remove(name)


def test_an_engine_is_in_no_key_of_a_cached_process(
    repository: RuleRunner, docker: StartedEngine, podman: StartedEngine
) -> None:
    image_ids = {load_base(engine_of(started), BASE) for started in (docker, podman)}
    (image_id,) = image_ids
    sources, bases = set(), set()
    for started in (docker, podman):
        choose(repository, started.variables["DOCKER_HOST"])
        sources.add(repository.request(BaseSource, [BaseRequest(BASE, "amd64")]))
        bases.add(repository.request(Base, [BaseRequest(BASE, "amd64")]))
        engine_of(started).remove(BASE)
    (source,) = sources
    assert f"sha256:{image_id}" in source.argv
    assert len(bases) == 1


def test_a_chosen_engine_that_does_not_answer_is_an_error(
    repository: RuleRunner,
) -> None:
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "silent.sock"))
        server.listen()
        host = f"unix://{folder}/silent.sock"
        choose(repository, host)
        with pytest.raises(ExecutionError, match=f"{host}.*DOCKER_HOST.*not answer within 5 s"):
            package(repository)
        with pytest.raises(ExecutionError, match=f"{host}.*does not answer.*Fix: "):
            repository.request(DockerBinary, [])
        with pytest.raises(ExecutionError, match=f"{host}.*does not answer.*Fix: "):
            repository.request(BaseSource, [BaseRequest(BASE, "amd64")])


def test_a_base_that_cannot_be_pulled_has_a_stand_in_or_a_hint(
    repository: RuleRunner, docker: StartedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_of(docker)
    host = docker.variables["DOCKER_HOST"]
    options = (
        f"--image-assembly-stand-ins={{'{BASE}': '{STAND_IN}'}}",
        "--image-assembly-base-hint=run it once",
    )
    choose(repository, host, *options)
    with pytest.raises(
        ExecutionError,
        match=rf"base of app:oci: base={BASE}: .*connection refused.* Fix: run it once\.",
    ):
        package(repository)
    load_base(engine, STAND_IN)
    choose(repository, host, *options)
    artifact = package(repository)
    assert engine.inspect(artifact.image_id) is not None
    assert f"{BASE} cannot be pulled; using its stand-in {STAND_IN}" in caplog.text
    # Without an engine that has the base, an `oci_image` takes the stand-in as well.
    source = repository.request(BaseSource, [BaseRequest(BASE, "amd64")])
    assert "--offer" in source.argv
    engine.remove("engine-test:1")
    engine.remove(STAND_IN)
