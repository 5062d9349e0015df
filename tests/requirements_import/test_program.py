"""The command as it is documented, on files: both are written, or none."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from requirements import import_requirements
from requirements.import_requirements import write_both
from requirements.split import ImportFailed

COMMAND = "./pants run build-support/requirements:import-requirements -- "
PROGRAM = Path("build-support.requirements/import-requirements.pex").resolve()
PAGE = Path("docs/requirements.md").resolve()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an old requirements file."""
    monkeypatch.chdir(tmp_path)
    Path("requirements.txt").write_text("web>=1\n# Dev\npytest\n")
    return tmp_path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PEX_ROOT": str(Path("pex").resolve())},
    )


def content() -> dict[str, str]:
    return {str(path): path.read_text() for path in Path("3rdparty").rglob("*") if path.is_file()}


SUMMARY = (
    "Production ends at line 2 of requirements.txt. "
    "Projects: 1 in 3rdparty/prod/requirements.txt, 1 in 3rdparty/dev/requirements.txt."
)
MADE = {
    "3rdparty/prod/requirements.txt": "web>=1\n",
    "3rdparty/dev/requirements.txt": "pytest\n",
}


@pytest.mark.usefixtures("project")
def test_the_commands_of_the_documentation() -> None:
    documented = re.findall(rf"^\$ {re.escape(COMMAND)}(.*)$", PAGE.read_text(), re.M)
    first, second = ([*shlex.split(line, comments=True)] for line in documented)
    done = run(*first)
    assert (done.returncode, done.stderr) == (0, "")
    assert content() == MADE
    assert done.stdout.splitlines() == [
        "--- /dev/null",
        "+++ 3rdparty/prod/requirements.txt",
        "@@ -0,0 +1 @@",
        "+web>=1",
        "--- /dev/null",
        "+++ 3rdparty/dev/requirements.txt",
        "@@ -0,0 +1 @@",
        "+pytest",
        SUMMARY,
        "Next: ./pants generate-lockfiles --resolve=prod --resolve=dev",
    ]
    Path("requirements.txt").write_text("web>=2\n# Dev\npytest\n")
    refused = run(*first)
    assert refused.returncode == 1
    assert content() == MADE
    assert "-web>=1\n+web>=2\n" in refused.stdout
    assert "again with --overwrite to replace what is there" in refused.stderr
    assert run(*second).returncode == 0
    assert content() == {**MADE, "3rdparty/prod/requirements.txt": "web>=2\n"}


def imported(*arguments: str) -> int:
    return import_requirements.main(["requirements.txt", *arguments])


@pytest.mark.usefixtures("project")
def test_nothing_to_change_needs_no_permission(capsys: pytest.CaptureFixture[str]) -> None:
    assert imported() == 0
    capsys.readouterr()
    assert imported() == 0
    assert "@@" not in capsys.readouterr().out
    assert content() == MADE


@pytest.mark.usefixtures("project")
def test_one_wrong_line_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("requirements.txt").write_text("web\n# Dev\n-r more.txt\n")
    assert imported() == 1
    assert capsys.readouterr().err.startswith("requirements.txt:3: '-r more.txt': put the lines")
    assert content() == {}


@pytest.mark.usefixtures("project")
def test_other_places(capsys: pytest.CaptureFixture[str]) -> None:
    assert imported("--prod", "a.txt", "--dev", "b/c.txt") == 0
    assert (Path("a.txt").read_text(), Path("b/c.txt").read_text()) == ("web>=1\n", "pytest\n")
    assert imported("--prod", "a.txt", "--dev", "./a.txt") == 1
    assert "a.txt is given for both files: name two" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_files_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert import_requirements.main(["missing.txt"]) == 1
    assert "missing.txt: No such file or directory. Name" in capsys.readouterr().err
    Path("latin.txt").write_bytes(b"# caf\xe9\n# Dev\n")
    assert import_requirements.main(["latin.txt"]) == 1
    assert "latin.txt: byte 5 is 0xe9, which is not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("there", [True, False])
def test_the_second_cannot_be_replaced(project: Path, there: bool) -> None:
    """It is a directory, which no file can take the place of, whoever runs the test."""
    first, second = project / "first.txt", project / "second.txt"
    if there:
        first.write_text("old\n")
    second.mkdir()
    with pytest.raises(ImportFailed, match="Nothing was changed"):
        write_both({first: "new\n", second: "new\n"})
    assert (first.read_text() == "old\n") if there else not first.exists()
    assert sorted(path.name for path in project.iterdir()) == sorted(
        ["requirements.txt", "second.txt", *(["first.txt"] if there else [])]
    )


def test_the_second_has_no_place(project: Path) -> None:
    first = project / "first.txt"
    with pytest.raises(ImportFailed, match="Nothing was changed"):
        write_both({first: "new\n", project / "requirements.txt" / "second.txt": "new\n"})
    assert [path.name for path in project.iterdir()] == ["requirements.txt"]
