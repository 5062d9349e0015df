"""A repository that cannot be written to: what needs no result there works."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.machines import Machine, RealStart
from launcher.small_builds import Build, make_build, wait_for

pytestmark = pytest.mark.skipif(
    os.getuid() != 0, reason="mounting a repository read-only takes root"
)


def mount_read_only(root: Path) -> None:
    subprocess.run(["mount", "--bind", str(root), str(root)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)


def unmount(root: Path) -> None:
    subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def build(real_start: RealStart, tmp_path: Path) -> Iterator[Build]:
    yield from make_build(real_start, tmp_path)


def test_a_read_only_repository(build: Build) -> None:
    """What writes no result works; what would write one says what to do. Nothing is written."""
    root = build.machine.root
    state = build.machine.state / "repositories"
    before = {path.relative_to(root) for path in root.rglob("*")}
    mount_read_only(root)
    try:
        done = build.run("list", "::")
        assert (done.returncode, "//:archive" in done.stdout) == (0, True), done.stderr
        done = build.run("package", "//:archive")
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        for part in ("results cannot be written", f"  where: {root}/dist", "  value: ", "  fix: "):
            assert part in done.stderr
        [pid] = state.glob("*small repository/.pids/*/pantsd/pid")
        os.kill(int(pid.read_text()), signal.SIGTERM)
        wait_for(lambda: not build.processes())
    finally:
        unmount(root)
    assert {path.relative_to(root) for path in root.rglob("*")} == before


def test_what_can_be_written_stays_in_the_repository(ready: Machine) -> None:
    """Folders that are mounted into a read-only repository are used."""
    (ready.root / ".pants.d").mkdir()
    mount_read_only(ready.root)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(ready.root / ".pants.d")], check=True)
    try:
        settings = ready.start("list").settings
    finally:
        unmount(ready.root / ".pants.d")
        unmount(ready.root)
    assert "PANTS_WORKDIR" not in settings
    assert settings["PANTS_SUBPROCESSDIR"].startswith(f"{ready.state}/repositories/")


def test_without_any_place_to_write_to_the_fix_is_named(ready: Machine) -> None:
    mount_read_only(ready.root)
    try:
        ready.start("list", HOME=os.devnull).failed(
            f"{ready.root}/.cache/bootstrap", "QINGKONG_BUILD_CACHE"
        )
    finally:
        unmount(ready.root)
