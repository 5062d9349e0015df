"""Renovate, Dependabot, GitHub and GitLab can read what is written for them: by their schemas."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RENOVATE, DEPENDABOT = Path("renovate.json"), Path(".github/dependabot.yml")
CHECKER = Path("build-support.policy/check-jsonschema.pex")
#: Each file, and the arguments of check-jsonschema for it.
SCHEMAS = {
    RENOVATE: ["vendor.renovate"],
    DEPENDABOT: ["vendor.dependabot"],
    Path(".github/workflows/ci.yml"): ["vendor.github-workflows"],
    Path(".gitlab-ci.yml"): ["vendor.gitlab-ci", "--data-transform=gitlab-ci"],
}


def check(file: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CHECKER, "--builtin-schema", *arguments, file],
        capture_output=True,
        text=True,
        env={**os.environ, "PEX_ROOT": str(Path("pex").resolve())},
    )


@pytest.mark.parametrize("file", SCHEMAS, ids=str)
def test_the_schema_holds(file: Path) -> None:
    done = check(file, SCHEMAS[file])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (RENOVATE, '"rangeStrategy": "bump"', '"rangeStrategy": "nothing"'),
        (DEPENDABOT, "interval: weekly", "interval: sometimes"),
        (Path(".github/workflows/ci.yml"), "runs-on:", "runs-where:"),
        (Path(".gitlab-ci.yml"), "when: always", "when: sometimes"),
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_wrong(file: Path, old: str, new: str, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    wrong = tmp_path / file.name
    wrong.write_text(text.replace(old, new), encoding="utf-8")
    assert check(wrong, SCHEMAS[file]).returncode == 1
