"""Runs the ruff of this repository on real files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.target_types import PythonSourcesGeneratorTarget
from pants.core.goals.fix import FixResult
from pants.core.goals.lint import LintResult
from pants.core.util_rules import config_files, source_files
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents, PathGlobs, Snapshot
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine
from qingkong_build.ruff import register
from qingkong_build.ruff.rules import RuffFieldSet, RuffFixRequest, RuffFmtRequest, RuffLintRequest

FILES = {
    "pyproject.toml": '[tool.ruff]\nextend-exclude = ["*_generated.py"]\n'
    '[tool.ruff.lint]\nselect = ["E7", "F", "I", "UP"]\n',
    # Code for an old interpreter, in a directory that says so.
    "old/ruff.toml": 'extend = "../pyproject.toml"\ntarget-version = "py39"\n',
    "old/BUILD": "python_sources()\n",
    "old/types.py": "import typing\n\nX = typing.Union[int, str]\n",
    "new/BUILD": "python_sources(overrides={'skipped.py': dict(skip_ruff=True)})\n",
    "new/types.py": "import typing\n\nX = typing.Union[int, str]\n",
    "new/good.py": 'GOOD = "yes"\n',
    "new/skipped.py": "import os\n",
    "new/imports.py": "import sys\nimport os\nprint(sys, os)\n",
    "new/ambiguous.py": "import os\nl = 1\n",
    "new/layout.py": "x = {  'a':1 }\n",
    "new/x_generated.py": "import os\nx = {  'a':1 }\n",
}


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *register.rules(),
            *config_files.rules(),
            *source_files.rules(),
            *target_types_rules.rules(),
            QueryRule(LintResult, [RuffLintRequest.Batch]),
            QueryRule(FixResult, [RuffFixRequest.Batch]),
            QueryRule(FixResult, [RuffFmtRequest.Batch]),
            QueryRule(Snapshot, [PathGlobs]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=[PythonSourcesGeneratorTarget],
    )
    machine.set_options(
        runner,
        [
            "--backend-packages=qingkong_build.ruff",
            "--python-interpreter-constraints=['CPython==3.12.*']",
            "--python-enable-resolves",
            "--python-resolves={'dev': 'dev.lock'}",
            "--python-default-resolve=dev",
            "--ruff-install-from-resolve=dev",
            "--ruff-requirements=['ruff']",
        ],
    )
    runner.write_files({"dev.lock": Path("3rdparty/dev.lock").read_text(), **FILES})
    return runner


@dataclass(frozen=True)
class Partition:
    description: str | None = None


def lint(runner: RuleRunner, *paths: str) -> LintResult:
    elements = tuple(
        RuffFieldSet.create(runner.get_target(Address(directory, relative_file_path=name)))
        for directory, name in (path.split("/") for path in paths)
    )
    return runner.request(LintResult, [RuffLintRequest.Batch("", elements, Partition())])


def change(
    runner: RuleRunner, request: type[RuffFixRequest | RuffFmtRequest], *paths: str
) -> dict[str, str]:
    """The files that a fix or a format changes, with their new content."""
    before = runner.request(Snapshot, [PathGlobs(paths)])
    result = runner.request(FixResult, [request.Batch("", before.files, Partition(), before)])
    assert result.output.files == before.files
    return {
        file.path: file.content.decode()
        for file in runner.request(DigestContents, [result.output.digest])
        if file.content.decode() != FILES[file.path]
    }


def test_nothing_to_say(repository: RuleRunner) -> None:
    assert lint(repository, "new/good.py").exit_code == 0
    assert change(repository, RuffFixRequest, "new/good.py") == {}
    assert change(repository, RuffFmtRequest, "new/good.py") == {}


def test_lint(repository: RuleRunner) -> None:
    result = lint(repository, "new/good.py", "new/imports.py", "new/ambiguous.py")
    assert result.exit_code == 1
    assert "I001" in result.stdout
    assert "new/imports.py:1:1" in result.stdout
    assert "E741" in result.stdout
    assert "good.py" not in result.stdout


def test_each_directory_has_its_configuration(repository: RuleRunner) -> None:
    assert lint(repository, "old/types.py").exit_code == 0
    result = lint(repository, "old/types.py", "new/types.py")
    assert "UP007" in result.stdout
    assert "old/types.py" not in result.stdout


def test_fix_keeps_what_it_can_fix(repository: RuleRunner) -> None:
    """A finding that only a person can fix, in one file, does not stop the others."""
    changed = change(repository, RuffFixRequest, "new/imports.py", "new/ambiguous.py")
    assert changed == {
        "new/ambiguous.py": "l = 1\n",
        "new/imports.py": "import os\nimport sys\n\nprint(sys, os)\n",
    }


def test_format(repository: RuleRunner) -> None:
    assert change(repository, RuffFmtRequest, "new/layout.py") == {
        "new/layout.py": 'x = {"a": 1}\n'
    }


def test_what_the_configuration_excludes(repository: RuleRunner) -> None:
    """Even though Pants names each file."""
    assert lint(repository, "new/x_generated.py").exit_code == 0
    assert change(repository, RuffFixRequest, "new/x_generated.py") == {}
    assert change(repository, RuffFmtRequest, "new/x_generated.py") == {}


def test_skip_field(repository: RuleRunner) -> None:
    skipped = repository.get_target(Address("new", relative_file_path="skipped.py"))
    checked = repository.get_target(Address("new", relative_file_path="good.py"))
    assert RuffFieldSet.opt_out(skipped)
    assert not RuffFieldSet.opt_out(checked)
