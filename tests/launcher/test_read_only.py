"""A repository that cannot be written to: a build works, with its results in the cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.machines import Machine, RealStart
from launcher.small_builds import Build, make_build, wait_for

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 and "CI" not in os.environ, reason="root can write to all but such a mount"
)


def mount_read_only(root: Path) -> None:
    subprocess.run(["mount", "--bind", str(root), str(root)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)


def unmount(root: Path) -> None:
    subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def build(real_start: RealStart, tmp_path: Path) -> Iterator[Build]:
    yield from make_build(real_start, tmp_path)


def test_a_read_only_repository_builds(build: Build) -> None:
    root = build.machine.root
    before = {path.relative_to(root) for path in root.rglob("*")}
    mount_read_only(root)
    try:
        # With the daemon and without it.
        for words in (("package", "//:archive"), ("--no-pantsd", "package", "//:archive")):
            done = build.run(*words)
            assert done.returncode == 0, done.stderr
            [place] = build.machine.state.glob("repositories/*small repository/dist")
            assert f"{root} cannot be written to: results go to {place}" in done.stderr
            [archive] = place.iterdir()
            assert len(archive.read_bytes()) > 3_000_000
            assert hashlib.sha256(archive.read_bytes()).digest()
            archive.unlink()
        [pid] = build.machine.state.glob("repositories/*small repository/.pids/*/pantsd/pid")
        os.kill(int(pid.read_text()), 15)
        wait_for(lambda: not build.processes())
    finally:
        unmount(root)
    assert {path.relative_to(root) for path in root.rglob("*")} == before


def test_what_can_be_written_stays_in_the_repository(ready: Machine) -> None:
    """Folders that are mounted into a read-only repository are used."""
    (ready.root / "dist").mkdir()
    mount_read_only(ready.root)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(ready.root / "dist")], check=True)
    try:
        settings = ready.start("list").settings
    finally:
        unmount(ready.root / "dist")
        unmount(ready.root)
    assert "PANTS_DISTDIR" not in settings
    assert settings["PANTS_WORKDIR"].startswith(f"{ready.state}/repositories/")
    assert settings["PANTS_SUBPROCESSDIR"].startswith(f"{ready.state}/repositories/")


def test_without_any_place_to_write_to_the_fix_is_named(ready: Machine) -> None:
    mount_read_only(ready.root)
    try:
        ready.start("list", HOME=os.devnull).failed(
            f"{ready.root}/.cache/bootstrap", "QINGKONG_BUILD_CACHE"
        )
    finally:
        unmount(ready.root)
