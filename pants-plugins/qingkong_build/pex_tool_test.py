"""The file for `[pex-cli]`, of a wheel that stands for pex's: it only says what starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from qingkong_build import pex_tool

PROGRAM = """
import os, sys

def main():
    print({name!r}, sys.argv[1:], os.environ.get("PEX_PYTHON"), os.environ.get("PEX_SCRIPT"))
    return 3
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "pex-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("pex", "bin", "cli"):
            archive.writestr(f"{'pex/' * (name != 'pex')}{name}/__init__.py", "")
        for kind in ("cli", "bin"):
            archive.writestr(f"pex/{kind}/pex.py", PROGRAM.format(name=kind))
    return path


# Runs the file as `python FILE` does, but something happens before it renames what it unpacked.
BEFORE_RENAME = """
import os, runpy, subprocess, sys

file, rename = sys.argv[1], os.rename

def late(old, new):
    {happens}
    rename(old, new)

os.rename = late
runpy.run_path(file, run_name="__main__")
"""


def start(
    arguments: Sequence[str], root: Path | None, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PEX_PYTHON": "/opt/python", **variables}
    environment.pop("PEX_ROOT", None)
    if root is not None:
        environment["PEX_ROOT"] = str(root)
    return subprocess.run(
        [sys.executable, *arguments, "--jobs", "2"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def run(file: Path, root: Path | None, **variables: str) -> str:
    done = start([str(file)], root, **variables)
    assert done.returncode == 3, done.stderr
    return done.stdout


@pytest.fixture
def file(wheel: Path, tmp_path: Path) -> Path:
    path = tmp_path / "build-support/pex"
    pex_tool.assemble(wheel, path, "1.0")
    return path


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_both_of_its_programs(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert run(file, root) == "bin ['--jobs', '2'] None None\n"
    assert run(file, root, PEX_SCRIPT="pex3") == "cli ['--jobs', '2'] None None\n"
    assert names_in(root) == ["pex-tool-1.0"]


def test_another_process_is_first(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    late = BEFORE_RENAME.format(happens="subprocess.run([sys.executable, file], check=False)")
    done = start(["-c", late, str(file)], root)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("bin [") == 2
    assert names_in(root) == ["pex-tool-1.0"]


def test_a_root_that_cannot_have_it(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    refused = BEFORE_RENAME.format(happens="raise OSError('no space left')")
    done = start(["-c", refused, str(file)], root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "OSError: no space left" in done.stderr
    assert names_in(root) == []


def test_a_broken_file(file: Path, tmp_path: Path) -> None:
    """What was unpacked until then goes, too."""
    root = tmp_path / "root"
    file.write_bytes(file.read_bytes().replace(b"print('cli'", b"print('cl1'"))
    done = start([str(file)], root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "BadZipFile" in done.stderr
    assert names_in(root) == []


def test_without_a_root(file: Path, tmp_path: Path) -> None:
    """It runs nothing that another user may have put where it unpacks, and leaves nothing."""
    shared = tmp_path / "shared"
    planted = shared / "pex-tool-1.0/pex/bin"
    planted.mkdir(parents=True)
    for package in (planted.parent, planted):
        (package / "__init__.py").touch()
    (planted / "pex.py").write_text(PROGRAM.format(name="planted"))
    assert run(file, None, TMPDIR=str(shared)) == "bin ['--jobs', '2'] None None\n"
    assert names_in(shared) == ["pex-tool-1.0"]


def test_the_same_bytes_again(wheel: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(other, "w") as turned:
        for name in reversed(archive.namelist()):
            turned.writestr(name, archive.read(name))
    for path in (wheel, other):
        pex_tool.assemble(path, tmp_path / f"{path.stem}.pex")
    files = [(tmp_path / f"{path.stem}.pex").read_bytes() for path in (wheel, other)]
    assert files[0] == files[1]


def download(tmp_path: Path, *, with_pip: bool) -> tuple[Path, str]:
    """What a Python says that has a pip or none, but no index."""
    venv.create(tmp_path / "venv", with_pip=with_pip)
    python = tmp_path / "venv/bin/python"
    done = subprocess.run(
        [python, "-m", "qingkong_build.pex_tool", str(tmp_path / "pex")],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(pex_tool.__file__).parents[1]),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(tmp_path),
        },
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return python, done.stderr


def test_an_index_that_has_none(tmp_path: Path) -> None:
    _, error = download(tmp_path, with_pip=True)
    pex = f"pex=={pex_tool.VERSION}"
    for part in ("downloading pex", "pip ended with 1", pex, "Fix: let pip reach"):
        assert part in error


def test_a_python_without_pip(tmp_path: Path) -> None:
    python, error = download(tmp_path, with_pip=False)
    for part in (f"pex {pex_tool.VERSION}", f"{python} has no pip", "Fix:", "-m ensurepip"):
        assert part in error


def test_a_wrong_command() -> None:
    with pytest.raises(SystemExit, match=r"usage: .*pex_tool FILE"):
        pex_tool.main([])
