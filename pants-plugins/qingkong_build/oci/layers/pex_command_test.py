"""The commands of PEXes, run by a real interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pants.backend.python.target_types import ConsoleScript, EntryPoint

from qingkong_build.oci.layers.pex_command import command_of

MODULE = """\
import sys

class Program:
    @staticmethod
    def run():
        print("run", *sys.argv)
        return 3

def main():
    print("main", *sys.argv)

if __name__ == "__main__":
    print("module", *sys.argv[1:])
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(MODULE)
    info = tmp_path / "thing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[console_scripts]\nit's = program:Program.run\n")
    return tmp_path


@pytest.mark.parametrize(
    ("entry_point", "script", "code", "output"),
    [
        (EntryPoint("program"), None, 0, "module a b\n"),
        (EntryPoint("program", "main"), None, 0, "main program a b\n"),
        (EntryPoint("program", "Program.run"), None, 3, "run program a b\n"),
        (None, ConsoleScript("it's"), 3, "run it's a b\n"),
    ],
)
def test_what_the_pex_would_start_is_started(
    place: Path,
    entry_point: EntryPoint | None,
    script: ConsoleScript | None,
    code: int,
    output: str,
) -> None:
    python, *words = command_of(entry_point, script)
    assert python == "python"
    done = subprocess.run(
        [sys.executable, *words, "a", "b"],
        cwd=place,
        env={"PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (code, output), done.stderr


def test_a_pex_without_an_entry_point_says_nothing() -> None:
    assert command_of(None, None) == ()
