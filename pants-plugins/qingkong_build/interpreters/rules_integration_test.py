"""Finds the interpreters of this machine, with and without the pex tool."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.core.util_rules import environments
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner
from pants.util.logging import LogLevel

from plugin_testing import machine
from qingkong_build.interpreters import rules
from qingkong_build.interpreters.choice import InterpreterNotFoundError


def make_runner(*more: object) -> RuleRunner:
    query = QueryRule(PythonExecutable, [InterpreterConstraints])
    return RuleRunner(rules=[*pex.rules(), *environments.rules(), *more, query])


def find(runner: RuleRunner, *constraints: str) -> PythonExecutable:
    return runner.request(PythonExecutable, [InterpreterConstraints(constraints)])


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("constraint", ["CPython==3.9.*", "CPython==3.12.*", "CPython>=3.8"])
def test_it_finds_what_pex_finds(constraint: str) -> None:
    ours, theirs = make_runner(*rules.rules()), make_runner()
    for runner in (ours, theirs):
        machine.set_options(runner, [])
    assert find(ours, constraint) == find(theirs, constraint)


def test_a_folder_with_what_only_looks_like_interpreters(tmp_path: Path) -> None:
    """A shim of a version that is not installed, a text, a link to nothing, an environment's."""
    folder = tmp_path / "bin"
    write(folder / "python3.12", "#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
    write(folder / "python3.11", "#!/bin/sh\necho talks\n")
    write(folder / "python3.9-config", "#!/bin/sh\necho no interpreter > talked\n")
    (folder / "python3.10").write_text("not executable")
    (folder / "python2").symlink_to(tmp_path / "nowhere")
    (folder / "python").symlink_to(sys.executable)
    runner = make_runner(*rules.rules())
    runner.set_options([f"--python-bootstrap-search-path=['{folder}', '{tmp_path / 'absent'}']"])
    assert find(runner, "CPython>=3").path == os.path.realpath(sys.executable)


def test_one_process_for_all_constraints() -> None:
    runner = make_runner(*rules.rules())
    machine.set_options(runner, [])
    for constraint in ("CPython==3.9.*", "CPython==3.12.*"):
        find(runner, constraint)
    units = runner.scheduler.poll_workunits(LogLevel.DEBUG)["completed"]
    processes = [unit for unit in units if unit["name"] == "process"]
    assert len(processes) == 1, [unit["description"] for unit in processes]


def test_none(tmp_path: Path) -> None:
    runner = make_runner(*rules.rules())
    path = json.dumps([str(tmp_path), sys.executable])
    runner.set_options([f"--python-bootstrap-search-path={path}"])
    with pytest.raises(ExecutionError) as error:
        find(runner, "CPython==3.99.*")
    exceptions: Sequence[Exception] = error.value.wrapped_exceptions
    (cause,) = exceptions
    assert isinstance(cause, InterpreterNotFoundError)
    for part in ("CPython==3.99.*", str(tmp_path), os.path.realpath(sys.executable), "Fix:"):
        assert part in str(cause)
