"""Which engine is meant: the rules by themselves, and the real `docker` client as the judge."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from qingkong_build.oci.engine import address
from qingkong_build.oci.engine.address import (
    EngineAddress,
    EngineChoiceError,
    NoEngineError,
    Tls,
    locate,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home/.docker").mkdir(parents=True)
    return tmp_path / "home"


def add_context(config: Path, name: str, host: str, *, with_tls: bool = False) -> Path:
    """What `docker context create` writes; returns where its TLS files are."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts/meta" / key
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": False}
    document = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (meta / "meta.json").write_text(json.dumps(document), encoding="utf-8")
    files = config / "contexts/tls" / key / "docker"
    if with_tls:
        files.mkdir(parents=True)
        (files / "ca.pem").touch()
    return files


@contextmanager
def listening(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield path


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("tcp://10.0.0.1", "tcp://10.0.0.1:2375"),
        ("tcp://engine.example:2377/", "tcp://engine.example:2377"),
        ("engine.example:2377", "tcp://engine.example:2377"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("tcp://[::1]:5", "tcp://[::1]:5"),
        ("tcp://:5", "tcp://localhost:5"),
        ("ssh://me@far:22/run/d.sock", "ssh://me@far:22/run/d.sock"),
    ],
)
def test_docker_host_is_taken_as_it_is(host: str, url: str) -> None:
    found = locate({"DOCKER_HOST": host, "DOCKER_CONTEXT": "ignored"})
    assert found == EngineAddress(url, "DOCKER_HOST", True)
    assert str(found) == f"{url} (DOCKER_HOST)"


@pytest.mark.parametrize("host", ["fd://", "http://x", "ssh://", "tcp://x:port", "tcp://x:0"])
def test_what_is_no_address_is_named(host: str) -> None:
    with pytest.raises(EngineChoiceError, match=f"DOCKER_HOST={host}.*Fix: give unix://"):
        locate({"DOCKER_HOST": host})


def test_tls_is_that_of_the_variables(home: Path) -> None:
    variables = {"DOCKER_HOST": "tcp://far", "HOME": str(home)}
    verified = locate({**variables, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"})
    assert verified == EngineAddress("tcp://far:2376", "DOCKER_HOST", True, Tls("/certs", True))
    assert verified.client_variables() == {
        "DOCKER_HOST": "tcp://far:2376",
        "DOCKER_CERT_PATH": "/certs",
        "DOCKER_TLS_VERIFY": "1",
    }
    unverified = locate({**variables, "DOCKER_TLS": "1"})
    assert unverified.tls == Tls(str(home / ".docker"), False)
    assert "DOCKER_TLS_VERIFY" not in unverified.client_variables()
    # They say how TCP is spoken, and nothing about sockets.
    assert locate({"DOCKER_HOST": "unix:///x", "DOCKER_TLS_VERIFY": "1"}).tls is None


def test_contexts(home: Path, tmp_path: Path) -> None:
    config = home / ".docker"
    files = add_context(config, "far", "tcp://far:2376", with_tls=True)
    add_context(config, "near", "unix:///near.sock")
    (config / "config.json").write_text('{"currentContext": "near"}', encoding="utf-8")
    variables = {"HOME": str(home)}
    assert locate(variables) == EngineAddress("unix:///near.sock", "context near", True)
    far = EngineAddress("tcp://far:2376", "context far", True, Tls(str(files), True))
    assert locate({**variables, "DOCKER_CONTEXT": "far"}) == far
    assert locate({"DOCKER_CONFIG": str(config), "HOME": str(tmp_path)}).url == "unix:///near.sock"
    with pytest.raises(EngineChoiceError, match=r"context=gone \(from DOCKER_CONTEXT\).*Fix: "):
        locate({**variables, "DOCKER_CONTEXT": "gone"})


def test_a_configuration_that_cannot_be_read_is_named(home: Path) -> None:
    (home / ".docker/config.json").write_text("{", encoding="utf-8")
    with pytest.raises(EngineChoiceError, match=r"file=.*/config.json: .*Fix: "):
        locate({"HOME": str(home)})


def test_sockets_are_tried_in_order(home: Path, tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    variables = {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "DOCKER_CONTEXT": "default"}
    default, of_root = tmp_path / "docker.sock", tmp_path / "podman.sock"

    def found() -> str:
        return locate(variables, str(default), str(of_root)).origin

    # A socket that a stopped engine has left behind.
    with listening(default):
        pass
    with pytest.raises(NoEngineError, match=r"docker.sock .default socket.: Connection refused"):
        found()
    with listening(of_root):
        assert found() == "Podman of the system"
        with listening(runtime / "podman/podman.sock"):
            assert found() == "Podman of this user"
            with listening(runtime / "docker.sock"):
                assert found() == "rootless Docker"
                default.unlink()
                with listening(default):
                    assert found() == "default socket"
    assert not locate({"DOCKER_HOST": "x"}).client_variables().keys() - {"DOCKER_HOST"}


def test_shell_scripts_get_lines_of_data(home: Path, tmp_path: Path) -> None:
    runtime = tmp_path / "run;touch y"
    none = str(tmp_path / "none.sock")

    def run(default_socket: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "-B", address.__file__, default_socket],
            env={"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    # The client finds it by itself.
    assert run(none, DOCKER_HOST="unix:///x").stdout == "unix:///x (DOCKER_HOST)\n"
    with listening(tmp_path / "d.sock") as path:
        assert run(str(path)).stdout == f"unix://{path} (default socket)\n"
    with listening(runtime / "podman/podman.sock") as path:
        assert run(none).stdout == (
            f"unix://{path} (Podman of this user)\nDOCKER_HOST=unix://{path}\n"
        )
    wrong = run(none, DOCKER_CONTEXT="gone")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "context=gone" in wrong.stderr


class Listeners:
    """Sockets that note which of them is spoken to, and hang up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spoken_to: list[str] = []
        self._servers: list[socket.socket] = []

    def add(self, name: str) -> str:
        server = socket.socket(socket.AF_UNIX)
        path = self.folder / f"{name}.sock"
        server.bind(str(path))
        server.listen()
        self._servers.append(server)
        threading.Thread(target=self._serve, args=(name, server), daemon=True).start()
        return f"unix://{path}"

    def _serve(self, name: str, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                self.spoken_to.append(name)

    def close(self) -> None:
        for server in self._servers:
            server.shutdown(socket.SHUT_RDWR)
            server.close()


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[Listeners]:
    listeners = Listeners(tmp_path)
    yield listeners
    listeners.close()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "current"),
        ({"DOCKER_CONTEXT": "other"}, "other"),
        ({"DOCKER_HOST": "{host}"}, "host"),
        ({"DOCKER_HOST": "{host}", "DOCKER_CONTEXT": "other"}, "host"),
        ({"DOCKER_CONTEXT": "other", "DOCKER_CONFIG": "{config}"}, "elsewhere"),
        ({"DOCKER_HOST": "", "DOCKER_CONTEXT": ""}, "current"),
    ],
)
def test_the_docker_client_means_the_same(
    home: Path, listeners: Listeners, tmp_path: Path, variables: Mapping[str, str], expected: str
) -> None:
    client = shutil.which("docker")
    assert client is not None, "install a docker client: apt-get install docker.io"
    addresses = {name: listeners.add(name) for name in ("current", "other", "host", "elsewhere")}

    def docker(*words: str, **more: str) -> None:
        # What it says of an engine that hangs up is of no interest.
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], **more}
        command = [str(client), *words]
        subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)

    # Written by the client itself, whatever its version writes.
    second = str(tmp_path / "config")
    for name in ("current", "other"):
        docker("context", "create", name, "--docker", f"host={addresses[name]}")
    docker(
        *("context", "create", "other", "--docker", f"host={addresses['elsewhere']}"),
        DOCKER_CONFIG=second,
    )
    docker("context", "use", "current")
    values = {
        name: value.format(host=addresses["host"], config=second)
        for name, value in variables.items()
    }
    listeners.spoken_to.clear()
    docker("version", **values)
    assert set(listeners.spoken_to) == {expected}
    found = locate({"HOME": str(home), **values})
    assert found.url == addresses[expected]
    # A client that is given our answer goes there, too.
    listeners.spoken_to.clear()
    docker("version", **{**values, **found.client_variables()})
    assert set(listeners.spoken_to) == {expected}
