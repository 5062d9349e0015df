"""The file for `[pex-cli]`, of a wheel that stands for pex's: it only says what starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
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


def run(file: Path, root: Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, str(file), "--jobs", "2"],
        env={**os.environ, "PEX_ROOT": str(root), "PEX_PYTHON": "/opt/python", **variables},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    return done.stdout


def test_both_of_its_programs(wheel: Path, tmp_path: Path) -> None:
    file, root = tmp_path / "build-support/pex", tmp_path / "root"
    pex_tool.assemble(wheel, file, "1.0")
    assert run(file, root) == "bin ['--jobs', '2'] None None\n"
    assert run(file, root, PEX_SCRIPT="pex3") == "cli ['--jobs', '2'] None None\n"
    assert [path.name for path in root.iterdir()] == ["pex-tool-1.0"]


def test_the_same_bytes_again(wheel: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(other, "w") as turned:
        for name in reversed(archive.namelist()):
            turned.writestr(name, archive.read(name))
    for path in (wheel, other):
        pex_tool.assemble(path, tmp_path / f"{path.stem}.pex")
    files = [(tmp_path / f"{path.stem}.pex").read_bytes() for path in (wheel, other)]
    assert files[0] == files[1]


def test_an_index_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(tmp_path))):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as error:
        pex_tool.download(tmp_path)
    for part in (f"downloading pex {pex_tool.VERSION}", "pip ended with 1", "Fix:"):
        assert part in str(error.value)


def test_a_wrong_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"usage: .*pex_tool FILE"):
        pex_tool.main([])
