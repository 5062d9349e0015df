"""The workflows of GitHub and GitLab run commands that exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
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


def test_what_answers_soonest_comes_first_where_everything_runs() -> None:
    steps = re.findall(r"^step (\S+)", Path(".ci/run").read_text(encoding="utf-8"), re.M)
    assert steps[:2] == ["lint", "check"]
    assert "test" in steps[2:]


@pytest.mark.parametrize("file", [GITHUB, GITLAB], ids=str)
def test_every_program_of_the_repository_exists(file: Path) -> None:
    named = {word for words in commands(file) for word in words if "/" in word and "$" not in word}
    programs = {word for word in named if not word.startswith("/")}
    assert len(programs) >= 3
    for program in programs:
        assert os.access(program, os.X_OK), program


@dataclass(frozen=True)
class Clone:
    """A repository with the script and a Pants that prints its arguments."""

    root: Path

    def git(self, *words: str | Path) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@y")
        subprocess.run(["git", "-C", self.root, *who, *words], check=True)

    def commit(self, message: str) -> None:
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def changed(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", self.root / "build-support/ci/changed.sh", *words],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ.get("PATH", os.defpath), **variables},
        )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    new = Clone(tmp_path)
    script = tmp_path / "build-support" / "ci" / "changed.sh"
    script.parent.mkdir(parents=True)
    script.write_bytes(CHANGED.read_bytes())
    pants = tmp_path / "pants"
    lines = ("#!/bin/sh", 'printf "%s\\n" "$@"', 'echo "${PANTS_REMOTE_CACHE_READ-unset}"')
    pants.write_text("\n".join(lines), encoding="utf-8")
    pants.chmod(0o755)
    new.git("init", "--quiet", "--initial-branch", "main")
    new.commit("first")
    return new


def test_a_branch_that_the_clone_lacks_is_one_error(clone: Clone) -> None:
    done = clone.changed("origin/main", "test")
    assert (done.returncode, done.stdout) == (1, "")
    for part in ("changed.sh", "BRANCH=origin/main", "Fix: git fetch origin '+refs/heads/*"):
        assert part in done.stderr


def test_a_shallow_clone_is_told_to_fetch_the_history(clone: Clone, tmp_path: Path) -> None:
    """It has both tips, but not the commit where they diverged."""
    clone.git("checkout", "--quiet", "-b", "change")
    clone.commit("the change")
    clone.git("checkout", "--quiet", "main")
    clone.commit("what came meanwhile")
    shallow = Clone(tmp_path / "shallow")
    source = f"file://{clone.root}"
    options = ("--quiet", "--depth", "1", "--no-single-branch", "--branch", "change")
    subprocess.run(["git", "clone", *options, source, shallow.root], check=True)
    for name in ("build-support/ci/changed.sh", "pants"):
        target = shallow.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((clone.root / name).read_bytes())
    done = shallow.changed("origin/main", "test")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Fix: git fetch --unshallow origin" in done.stderr


@pytest.mark.parametrize(
    ("variables", "read"),
    [({}, "unset"), ({"PANTS_REMOTE_STORE_ADDRESS": "grpc://127.0.0.1:1"}, "true")],
)
def test_pants_is_asked_for_what_changed(
    clone: Clone, variables: dict[str, str], read: str
) -> None:
    done = clone.changed("main", "lint", "check", **variables)
    assert done.stdout.splitlines() == [
        *("--tag=-by-hand", "--changed-since=main", "--changed-dependents=transitive"),
        *("lint", "check", read),
    ]


def test_the_aliases_choose_the_same_as_the_script(clone: Clone) -> None:
    """`./pants changed-test` and its like, which are for a branch of the main one."""
    aliases = tomllib.loads(Path("pants.toml").read_text(encoding="utf-8"))["cli"]["alias"]
    clone.git("branch", "origin/main")
    done = clone.changed("origin/main")
    assert set(aliases["on-branch"].split()) == set(done.stdout.splitlines()[:-1])


def test_without_a_branch_it_says_what_to_give(clone: Clone) -> None:
    done = clone.changed()
    assert done.returncode == 1
    for part in ("changed.sh: BRANCH=''", "Fix: changed.sh origin/main"):
        assert part in done.stderr
