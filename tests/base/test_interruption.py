"""Making the base image, ended half-way: nothing runs on, nothing stays mounted or lies about."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from base.machines import Machine

PATIENCE_SECONDS = 240
STAND_IN = "qingkong-base:3.12-slim-bookworm-local"
OWN = "qingkong-test-interruption:base"
needs_root = pytest.mark.skipif(
    os.getuid() != 0, reason="debootstrap, which makes the base, takes root"
)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, f"it ended: {process.communicate()}"
        assert time.monotonic() < end
        time.sleep(0.02)


def processes_of(session: int, place: Path) -> set[int]:
    """Processes of a session, and those that name a folder or run in it."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # After the name, which may have spaces: state, parent, group, session.
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
            words = (folder / "cmdline").read_bytes().decode(errors="replace")
            seen = [words, *(os.readlink(folder / name) for name in ("cwd", "root"))]
            if fields[0] != "Z" and (
                int(fields[3]) == session or any(str(place) in text for text in seen)
            ):
                found.add(int(folder.name))
    return found - {os.getpid()}


def are_gone(session: int, place: Path) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while processes_of(session, place) and time.monotonic() < end:
        time.sleep(0.02)
    return not processes_of(session, place)


class Maker:
    """`make-stand-in.sh` with a temporary folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        # That of this test, seen past its virtual environment.
        self.python = str(vars(sys)["_base_executable"])
        key = subprocess.run(
            ["deploy/base/ensure.sh", "--key"],
            env={**os.environ, "PANTS_PYTHON312": self.python},
            capture_output=True,
            text=True,
        )
        assert key.returncode == 0, key.stderr
        self.key = key.stdout.strip()

    def start(self) -> subprocess.Popen[str]:
        words = [self.python, OWN, self.key]
        return subprocess.Popen(
            ["deploy/base/make-stand-in.sh", *words],
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def folders(self) -> list[Path]:
        return list(self.temporary.iterdir())

    def has(self, pattern: str) -> bool:
        return any(self.temporary.glob(f"qingkong-base.*/{pattern}"))

    def mounts(self) -> list[str]:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        return [line for line in lines if str(self.temporary) in line]


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Maker]:
    yield Maker(tmp_path)
    subprocess.run(["docker", "image", "rm", OWN], capture_output=True, check=False)


def image_of(name: str) -> dict[str, object] | None:
    done = subprocess.run(
        ["docker", "image", "inspect", name], capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


@needs_root
def test_a_killed_maker_leaves_nothing_behind(maker: Maker) -> None:
    """Killed in the middle of debootstrap's work in its own root, with file systems mounted."""
    for pattern in ("root/debootstrap/debootstrap.log", "root/var/lib/dpkg/info/*.list"):
        process = maker.start()
        wait_for(lambda pattern=pattern: maker.has(pattern), process)  # type: ignore[misc]
        # The script alone: what it started has to end by itself.
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE_SECONDS)
        assert are_gone(process.pid, maker.temporary)
        assert maker.mounts() == []
        assert len(maker.folders()) == 1, "the next one removes what the last one left"
    process = maker.start()
    _, stderr = process.communicate(timeout=2 * PATIENCE_SECONDS)
    assert process.returncode == 0, stderr
    assert maker.folders() == []
    made, usual = image_of(OWN), image_of(STAND_IN)
    assert made is not None
    if usual is not None and usual["Config"]["Labels"]["io.qingkong.base.key"] == maker.key:  # type: ignore[index]
        assert made["Id"] == usual["Id"]


@needs_root
def test_ctrl_c_ends_the_maker(maker: Maker) -> None:
    process = maker.start()
    wait_for(lambda: maker.has("root/debootstrap/debootstrap.log"), process)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert are_gone(process.pid, maker.temporary)
    assert maker.mounts() == []


# A program that does not come to an end.
HANG = ': >"$STATE/hangs"; exec sleep 300'


@pytest.mark.parametrize(
    ("program", "script", "command"),
    [
        ("docker", HANG, "build-support/setup/image.sh"),
        ("docker", f"case $1 in version) echo 1.0 ;; pull) {HANG} ;; esac; exit 1", "ensure"),
        ("pants", HANG, "build-support/setup/image.sh"),
    ],
    ids=["engine that is asked", "base that is pulled", "pants"],
)
def test_ctrl_c_ends_make_image(tmp_path: Path, program: str, script: str, command: str) -> None:
    """Whatever it waits for: no process of it goes on, and no next stage begins."""
    machine = Machine(tmp_path, uid=0).with_engine().with_python()
    machine.program("python3.9", f"echo {machine.path}/python3.9")
    for name in ("gcc", "strip"):
        machine.program(name)
    if program == "pants":
        machine.program("pants", script)
        (machine.path / "pants").rename(machine.repo / "pants")
        machine.says("images", "python:3.12-slim-bookworm")
    else:
        machine.program(program, script)
    if command == "ensure":
        command = "deploy/base/ensure.sh"
    process = machine.popen(command)
    wait_for((machine.state / "hangs").exists, process)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode in (130, -signal.SIGINT), output
    assert are_gone(process.pid, machine.home)
    log = machine.log.read_text()
    assert "package deploy:" not in log
    assert "docker run" not in log
