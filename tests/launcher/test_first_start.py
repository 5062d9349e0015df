"""What a first start sets up, and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from launcher.machines import Index, Machine, Ready, closed_port, with_stand_in


def environments(machine: Machine, state: Path | None = None) -> list[Path]:
    directory = state or Path(machine.environment["HOME"], ".cache", "qingkong-build")
    return [path for path in directory.glob("pants-*") if (path / "complete").exists()]


def test_two_first_starts_at_once_share_one_set_up(first_starts: Ready) -> None:
    for outcome in first_starts.first:
        assert outcome.settings["argument"] == "list"
    assert first_starts.index.downloads("pantsbuild_pants") == 1
    assert len(environments(first_starts.machine)) == 1


def test_an_interrupted_set_up_is_repaired(machine: Machine, index: Index) -> None:
    # Its native client is one of another machine type, too: the Python program does instead.
    with_stand_in(machine, index, client=b"#!/nonexistent\n")
    index.held = "pantsbuild-pants"
    cut_off = machine.popen("list")
    assert index.reached.wait(120)
    os.killpg(cut_off.pid, signal.SIGKILL)
    cut_off.communicate()
    assert environments(machine) == []
    index.released.set()
    again = machine.start("list")
    assert again.stdout == "the python program list\n", again.stderr
    assert len(environments(machine)) == 1


def test_an_index_that_cannot_be_reached_is_named(machine: Machine) -> None:
    url = f"http://someone:secret@127.0.0.1:{closed_port()}/simple"
    outcome = machine.start("list", PIP_INDEX_URL=url, PIP_RETRIES="0")
    outcome.failed(url.replace("someone:secret@", ""), "PIP_INDEX_URL")
    assert "secret" not in outcome.stderr


def test_without_a_home_a_repository_in_a_path_with_a_space_needs_a_cache(
    machine: Machine,
) -> None:
    machine.start("list", HOME=os.devnull).failed("named_caches_dir", str(machine.root))


def test_without_a_home_the_state_is_in_the_repository(machine: Machine) -> None:
    machine.root = machine.root.rename(machine.root.with_name("repository"))
    # A file is no directory, whoever asks: unlike a mode, that holds for root too.
    first = machine.start("list", HOME=os.devnull)
    state = machine.root / ".cache" / "bootstrap"
    assert f"using {state}" in first.stderr
    assert f"setting up Pants in {state}/pants-" in first.stderr
    assert len(environments(machine, state)) == 1
    assert first.settings["PANTS_LOCAL_STORE_DIR"] == f"{state}/pants/lmdb_store"
    assert first.settings["PANTS_NAMED_CACHES_DIR"] == f"{state}/pants/named_caches"
    second = machine.start("list", HOME=os.devnull)
    assert second.stderr == ""
    assert second.settings["PANTS_LOCAL_STORE_DIR"] == first.settings["PANTS_LOCAL_STORE_DIR"]
    assert machine.start("list", HOME=None).code == 0


def test_a_build_cache_that_cannot_be_written_is_named(machine: Machine) -> None:
    machine.start("list", QINGKONG_BUILD_CACHE="/dev/null/cache").failed(
        "QINGKONG_BUILD_CACHE", "/dev/null/cache"
    )


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with what a shell script needs, and no Python."""
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("awk", "bash", "cat", "dirname", "env", "mkdir", "mv", "readlink", "sh", "sort"):
        found = next(p for p in (Path("/usr/bin", name), Path("/bin", name)) if p.exists())
        (path / name).symlink_to(found)
    return path


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_missing_interpreter_is_named_with_ways_to_get_it(
    machine: Machine, bare_path: Path
) -> None:
    # A shim of a version that is not there, as pyenv leaves them on PATH.
    shim = script(
        bare_path / "python3.9", "echo 'pyenv: python3.9: command not found' >&2; exit 127"
    )
    outcome = machine.start("list", PANTS_PYTHON39=None, PATH=str(bare_path))
    outcome.failed(
        *("CPython 3.9", "PANTS_PYTHON39", f"{shim} pyenv: python3.9: command not found"),
        *("apt-get install python3.9", "pyenv install 3.9", "uv python install 3.9"),
    )


def test_a_named_interpreter_has_to_work(machine: Machine) -> None:
    other = machine.environment["PANTS_PYTHON39"]
    outcome = machine.start("list", PANTS_PYTHON312=other)
    outcome.failed("PANTS_PYTHON312", other, "is cpython 3.9")


def test_a_broken_shim_on_the_path_is_passed_over(ready: Machine, bare_path: Path) -> None:
    for version in ("3.9", "3.12"):
        script(bare_path / f"python{version}", "exit 127")
    good = bare_path.parent / "good"
    good.mkdir()
    python39, python312 = (ready.environment[f"PANTS_PYTHON{n}"] for n in ("39", "312"))
    script(good / "python3.9", f"exec '{python39}' \"$@\"")
    script(good / "python3.12", f"exec '{python312}' \"$@\"")
    settings = ready.start(
        "list", PANTS_PYTHON39=None, PANTS_PYTHON312=None, PATH=f"{bare_path}:{good}"
    ).settings
    assert settings["PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH"] == f'["{python312}", "{python39}"]'


def test_pyenv_is_searched(ready: Machine, bare_path: Path, tmp_path: Path) -> None:
    root = tmp_path / "py env"
    for version, patch in (("3.9", "3.9.1"), ("3.12", "3.12.0")):
        directory = root / "versions" / patch / "bin"
        directory.mkdir(parents=True)
        python = ready.environment[f"PANTS_PYTHON{version.replace('.', '')}"]
        script(directory / f"python{version}", f"exec '{python}' \"$@\"")
    changes: dict[str, str | None] = {"PANTS_PYTHON39": None, "PANTS_PYTHON312": None}
    changes["PATH"] = str(bare_path)
    assert ready.start("list", **changes, PYENV_ROOT=str(root)).code == 0
    # pyenv itself is asked where no variable says.
    script(bare_path / "pyenv", f"[ \"$1\" = root ] && echo '{root}'")
    ready.saved_settings.unlink()
    assert ready.start("list", **changes).code == 0


def test_uv_is_asked(ready: Machine, bare_path: Path) -> None:
    python39, python312 = (ready.environment[f"PANTS_PYTHON{n}"] for n in ("39", "312"))
    script(
        bare_path / "uv",
        f'case "$*" in *3.9) echo "{python39}" ;; *3.12) echo "{python312}" ;; esac',
    )
    changes: dict[str, str | None] = {"PANTS_PYTHON39": None, "PANTS_PYTHON312": None}
    assert ready.start("list", **changes, PATH=str(bare_path)).code == 0
