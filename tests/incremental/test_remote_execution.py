"""The image and tests are made by a worker, with no passwords, caches or engine of this machine."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from incremental.conftest import TARGET, on_base
from incremental.layouts import Layout, differences
from pages import sections

from measuring.clone import Clone, clone
from measuring.commands import Done, environment, run
from server.processes import free_port

_PROGRAM = "build-support.remote_worker/remote-worker.pex"
_PAGE = Path("docs/remote-execution.md")
_SECONDS = 60.0
#: What needs what only this machine has: how its user reaches the index, and the base.
_HERE = ("Ask a registry what ", "Download ", "Get the base ")
_LOCAL = re.compile(r'spawned local process .*?, description: "((?:[^"\\]|\\.)*)"')

#: The driver comes from a wheel that the worker compiled.
_TEST = """\
import asyncmy.protocol
import fastapp.packages


def test_driver() -> None:
    assert asyncmy.protocol.__file__.endswith(".so")
    assert fastapp.packages.__name__ == "fastapp.packages"
"""


@dataclass(frozen=True)
class Worker:
    """The worker that a clone's processes are sent to."""

    tree: Clone

    def run(self, *arguments: str) -> Done:
        """Run a command of Pants, of which only what has to runs here."""
        done = self.tree.pants(*arguments)
        local = _LOCAL.findall(done.errors)
        assert [each for each in local if not each.startswith(_HERE)] == []
        return done


def command() -> list[str]:
    """The program, as Pants packages it for this test, or as it was packaged by hand."""
    programs = [path for path in (Path(_PROGRAM), Path("dist", _PROGRAM)) if path.exists()]
    assert programs, f"./pants package build-support/remote_worker:remote-worker makes {_PROGRAM}"
    return [sys.executable, str(programs[0].resolve())]


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def exported(port: int) -> dict[str, str]:
    """What the page says to set, for a worker at another port."""
    commands = sections(_PAGE.read_text(encoding="utf-8"))["Try it"].commands[1]
    words = [word for line in commands if line.startswith("export ") for word in shlex.split(line)]
    settings = dict(word.split("=", 1) for word in words if word != "export")
    return {name: value.replace("8985", str(port)) for name, value in settings.items()}


def seen(tree: Clone) -> Iterator[str]:
    """What a worker needs of this machine, beside its system: interpreters and certificates."""
    for version in ("3.9", "3.12"):
        python = run(["build-support/setup/python.sh", version], tree.root).output.strip()
        prefix = run([python, "-c", "import sys; print(sys.base_prefix)"], tree.root).output.strip()
        if not prefix.startswith("/usr"):
            yield f"--folder={prefix}"
    pointer = Path(tree.variables["PANTS_NAMED_CACHES_DIR"], "pex_root", "network.path")
    network = pointer.read_text(encoding="utf-8").strip()
    yield f"--network={network}"
    variables = json.loads(Path(network).read_text(encoding="utf-8"))["environment"]
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        if name in variables:
            yield f"--folder={variables[name]}"


@pytest.fixture(scope="module")
def worker(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("remote")
    tree = on_base(clone(Path.cwd(), folder / "clone"), base)
    port = free_port()
    tree.options.append("-ldebug")
    tree.variables.update(
        PANTS_PANTSD="false",
        PANTS_LOCAL_STORE_DIR=str(folder / "caches" / "store"),
        PANTS_NAMED_CACHES_DIR=str(folder / "caches" / "named"),
    )
    # The launcher writes how its machine reaches the network.
    tree.pants("version")
    log = folder / "log"
    words = [
        *(*command(), f"--address=127.0.0.1:{port}", f"--store={folder / 'worker'}", "--jobs=2"),
        *seen(tree),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, env=environment())
    tree.variables.update(exported(port))
    try:
        deadline = time.monotonic() + _SECONDS
        while not listens(port):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield Worker(tree)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_SECONDS)


def test_the_image_is_the_same(worker: Worker, built: Layout) -> None:
    done = worker.run("package", TARGET)
    assert differences(built, Layout.read(worker.tree.root)) == ""
    assert Layout.read(worker.tree.root).manifest == built.manifest
    # The compiler is among them.
    assert "Completed: Build 3rdparty/asyncmy:wheel" in done.errors


def test_tests_run_there(worker: Worker) -> None:
    folder = worker.tree.root / "tests" / "remote"
    folder.mkdir(parents=True)
    (folder / "BUILD").write_text("python_tests(resolve='dev')\n", encoding="utf-8")
    (folder / "test_driver.py").write_text(_TEST, encoding="utf-8")
    done = worker.run("test", "tests/remote:")
    assert "tests/remote/test_driver.py succeeded" in done.errors


@pytest.mark.parametrize(
    ("options", "path", "expected"),
    [
        (["--folder=missing"], None, ["--folder='missing'"]),
        (["--network=/missing/network.json"], None, ["--network='/missing/network.json'"]),
        (["--address=8985"], None, ["--address='8985'", "it has no port"]),
        (["--jobs=0"], None, ["--jobs=0"]),
        (["--store=/dev/null/store"], None, ["--store='/dev/null/store'", "Not a directory"]),
        ([], "/missing", ["bwrap", ":/missing'", "bubblewrap"]),
    ],
)
def test_what_it_cannot_use(
    tmp_path: Path, options: list[str], path: str | None, expected: list[str]
) -> None:
    done = subprocess.run(
        [*command(), f"--store={tmp_path / 'store'}", *options],
        env=environment(**({"PATH": path} if path else {})),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    for text in ("remote-worker: ", *expected, "Fix: "):
        assert text in line
