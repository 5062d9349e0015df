"""The workflows of GitHub and GitLab run commands that exist, as CONTRIBUTING.md names them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

GITHUB, GITLAB = Path(".github/workflows/ci.yml"), Path(".gitlab-ci.yml")
#: A step of a job, and a line of a script.
_COMMAND = {
    GITHUB: re.compile(r"^      - run: (.+)$", re.MULTILINE),
    GITLAB: re.compile(r"^    - (?!if: )(.+)$", re.MULTILINE),
}
CHANGED = Path("build-support/ci/changed.sh").resolve()
#: What the workflows give to Pants, in this order.
GOALS = [["lint", "check"], ["test"], ["package"]]


def commands(file: Path) -> list[list[str]]:
    """The words of each command of a workflow."""
    found = _COMMAND[file].findall(file.read_text(encoding="utf-8"))
    assert found
    return [shlex.split(line) for line in found]


@pytest.mark.parametrize("file", [GITHUB, GITLAB], ids=str)
def test_what_changed_is_linted_then_tested_then_packaged(file: Path) -> None:
    goals = [
        words[words.index(str(CHANGED.relative_to(Path.cwd()))) + 2 :]
        for words in commands(file)
        if any(word.endswith("changed.sh") for word in words)
    ]
    assert goals == GOALS
    assert ["bash", ".ci/run"] in commands(file)


@pytest.mark.parametrize("file", [GITHUB, GITLAB], ids=str)
def test_every_program_of_the_repository_exists(file: Path) -> None:
    named = {word for words in commands(file) for word in words if "/" in word and "$" not in word}
    programs = {word for word in named if not word.startswith("origin/")}
    assert len(programs) == 3
    for program in programs:
        assert os.access(program, os.X_OK), program


def test_a_branch_that_the_clone_lacks_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "build-support" / "ci").mkdir(parents=True)
    script = tmp_path / "build-support" / "ci" / "changed.sh"
    script.write_bytes(CHANGED.read_bytes())
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = subprocess.run(
        ["bash", script, "origin/main", "test"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    for part in ("changed.sh", "BRANCH=origin/main", "Fix: ", "git fetch --unshallow origin"):
        assert part in done.stderr


def test_pants_is_asked_for_what_changed(tmp_path: Path) -> None:
    (tmp_path / "build-support" / "ci").mkdir(parents=True)
    script = tmp_path / "build-support" / "ci" / "changed.sh"
    script.write_bytes(CHANGED.read_bytes())
    pants = tmp_path / "pants"
    pants.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    pants.chmod(0o755)
    for words in (
        ("init", "-q", "-b", "main"),
        ("-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "x"),
    ):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    done = subprocess.run(
        ["bash", script, "main", "lint", "check"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        *("--changed-since=main", "--changed-dependents=transitive", "lint", "check")
    ]
