"""A full disk ends in one message that names the place and the option that moves it.

Nothing half-written is in `dist/`, and the next start, with room, does it all.
"""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from launcher.machines import Machine, RealStart
from launcher.small_builds import Build, make_build

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk takes root")


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def more_room(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=300m", str(place)], check=True)


@pytest.fixture
def build(real_start: RealStart, tmp_path: Path) -> Iterator[Build]:
    yield from make_build(real_start, tmp_path)


@pytest.mark.parametrize("size", ["200k", "4m", "13m"])
def test_the_state_of_the_launcher(machine: Machine, tmp_path: Path, size: str) -> None:
    """Whatever has no room: settings, pip, or the environment."""
    state = tmp_path / "state"
    changes: dict[str, str | None] = {"QINGKONG_BUILD_CACHE": str(state)}
    with small_disk(state, size):
        machine.start("list", **changes).failed(str(state), "No space left", "QINGKONG_BUILD_CACHE")
        more_room(state)
        assert machine.start("list", **changes).settings["argument"] == "list"


def test_the_named_caches_of_the_launcher(machine: Machine, tmp_path: Path) -> None:
    caches = tmp_path / "caches"
    changes: dict[str, str | None] = {"PANTS_NAMED_CACHES_DIR": str(caches)}
    with small_disk(caches, "4k,nr_inodes=2"):
        machine.start("list", **changes).failed(str(caches), "PANTS_NAMED_CACHES_DIR")
        more_room_for_files = ["mount", "-o", "remount,size=9m,nr_inodes=99", str(caches)]
        subprocess.run(more_room_for_files, check=True)
        assert machine.start("list", **changes).code == 0


PLACES = {
    "PANTS_LOCAL_STORE_DIR": "the local store",
    "PANTS_DISTDIR": "the results",
    "TMPDIR": "the sandboxes of processes",
}


def explained(build: Build, *words: str, **changes: str | None) -> str:
    """The explanation that a failure ends with."""
    done = build.run("--no-pantsd", *(words or ("package", "//:archive")), **changes)
    assert done.returncode != 0, done.stderr
    cause, mark, explanation = done.stderr.partition("./pants: the disk of ")
    assert mark, done.stderr
    assert "No space left on device" in cause
    assert "Traceback" not in explanation
    return explanation


@pytest.mark.parametrize("variable", PLACES)
def test_a_place_of_pants(build: Build, tmp_path: Path, variable: str) -> None:
    place = build.dist if variable == "PANTS_DISTDIR" else tmp_path / "small"
    changes: dict[str, str | None] = {variable: str(place)}
    with small_disk(place, "2m"):
        explanation = explained(build, **changes)
        assert explanation.startswith(PLACES[variable])
        for part in (f"  where: {place}", "  value: ", "  fix:   ", variable):
            assert part in explanation
        assert list(build.dist.glob("**/*")) == []
        more_room(place)
        done = build.run("--no-pantsd", "package", "//:archive", **changes)
        assert done.returncode == 0, done.stderr
        assert build.digest()


def test_the_named_caches_of_pants(build: Build, tmp_path: Path) -> None:
    """What fails there is a process, whose own words are not hidden."""
    machine = build.machine
    (machine.root / "BUILD").write_text(
        'python_source(name="module", source="module.py")\n'
        'pex_binary(name="archive", entry_point="module.py", dependencies=[":module"], '
        'output_path="archive.tar")\n'
    )
    (machine.root / "module.py").write_text("print(1)\n")
    machine.pants_toml.write_bytes(Path("pants.toml").read_bytes())
    caches = tmp_path / "caches"
    changes: dict[str, str | None] = {
        "PANTS_NAMED_CACHES_DIR": str(caches),
        "PANTS_BACKEND_PACKAGES": '["pants.backend.python"]',
        "PANTS_PYTHON_ENABLE_RESOLVES": "false",
        "PANTS_SOURCE_ROOT_PATTERNS": '["/"]',
        "PANTS_PYTHON_INTERPRETER_CONSTRAINTS": '["CPython==3.9.*"]',
    }
    with small_disk(caches, "2m"):
        explanation = explained(build, **changes)
        assert explanation.startswith("the named caches")
        assert f"  where: {caches}" in explanation
        assert "PANTS_NAMED_CACHES_DIR" in explanation
        assert not build.dist.exists()
        more_room(caches)
        done = build.run("--no-pantsd", "package", "//:archive", **changes)
        assert done.returncode == 0, done.stderr
        assert zipfile.is_zipfile(build.dist / "archive.tar")
