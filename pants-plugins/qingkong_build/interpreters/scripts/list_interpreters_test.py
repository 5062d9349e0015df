"""Which files of a search path are asked, and what an interpreter answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import list_interpreters
import pytest

REAL = os.path.realpath(sys.executable)
RELEASE = ".".join(map(str, sys.version_info[:3]))
# Of an interpreter between two releases, whose `platform.python_version()` ends with "+".
UNRELEASED = """#!/bin/sh
exec '{real}' -sE -c '
import sys
sys.version = sys.version.replace("{release}", "{release}+", 1)
import platform
assert platform.python_version() == "{release}+"
exec(sys.argv[1])
' "$3"
"""


def program(path: Path, text: str = "#!/bin/sh\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "name", ["python", "python3", "python3.13", "python3.13t", "Python", "pypy3.10", "python3.12.1"]
)
def test_a_name_of_an_interpreter(tmp_path: Path, name: str) -> None:
    file = program(tmp_path / name)
    assert list_interpreters.candidates([str(tmp_path)]) == [file]


@pytest.mark.parametrize("name", ["python3.9-config", "python3-", "Python3Launcher", "ipython3"])
def test_a_name_of_something_else(tmp_path: Path, name: str) -> None:
    program(tmp_path / name)
    assert list_interpreters.candidates([str(tmp_path)]) == []


def test_the_version_is_three_numbers(tmp_path: Path) -> None:
    file = program(tmp_path / "python3", UNRELEASED.format(real=REAL, release=RELEASE))
    (answer,) = list_interpreters.interpreters([file])
    assert (answer["path"], answer["version"]) == (REAL, RELEASE)


def test_a_directory_that_cannot_be_read(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    command = [sys.executable, list_interpreters.__file__, str(closed), REAL]
    if os.geteuid() == 0:
        # Root reads all, but for these.
        without = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--inh-caps={without}", f"--bounding-set={without}", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert [each["path"] for each in json.loads(done.stdout)] == [REAL]
