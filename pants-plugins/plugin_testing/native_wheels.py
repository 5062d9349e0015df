"""A repository of the tests of `native_wheel`, with targets that are built for real."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.goals import package_dists
from pants.backend.python.subsystems.setuptools import PythonDistributionFieldSet
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.core.goals.package import BuiltPackage
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine
from plugin_testing.tiny_packages import SDISTS
from qingkong_build.native_wheel import register

PYTHON = "CPython==3.12.*"


def repository_with(index: str) -> RuleRunner:
    """A repository with the plugin, this repository's build requirements and that index."""
    runner = RuleRunner(
        rules=[
            *package_dists.rules(),
            *target_types_rules.rules(),
            *register.rules(),
            QueryRule(BuiltPackage, [PythonDistributionFieldSet]),
            QueryRule(PythonExecutable, [InterpreterConstraints]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=register.target_types(),
    )
    lockfile = Path("3rdparty/native-build.lock").read_text()
    runner.write_files({"native-build.lock": lockfile})
    set_options(runner, index)
    return runner


def set_options(runner: RuleRunner, index: str, *args: str, python: str = PYTHON) -> None:
    """Set what a repository's `pants.toml` would: the index, the resolve, `args`."""
    machine.set_options(
        runner,
        [
            f"--python-interpreter-constraints=['{python}']",
            "--python-enable-resolves",
            "--python-resolves={'native-build': 'native-build.lock'}",
            "--python-default-resolve=native-build",
            f"--python-repos-indexes=['{index}']",
            *args,
        ],
    )


def build(runner: RuleRunner, project: str, directory: str, **fields: Any) -> tuple[str, bytes]:
    """Build the wheel of a target in `directory`; return its name and content."""
    content = SDISTS.get(project, b"")
    values = {
        "name": "wheel",
        "project": project,
        "version": "1.0",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "compile_args": ["-Os", "-flto", "-ffast-math"],
        "link_args": ["-flto", "-s"],
        "exclude": ["*.c"],
        **fields,
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in values.items())
    runner.write_files({f"{directory}/BUILD": f"native_wheel({arguments})\n"})
    target = runner.get_target(Address(directory, target_name="wheel"))
    package = runner.request(BuiltPackage, [PythonDistributionFieldSet.create(target)])
    (file,) = runner.request(DigestContents, [package.digest])
    return file.path, file.content


def refusal(runner: RuleRunner, project: str, directory: str, **fields: Any) -> str:
    """The error of a build that must fail, which must name its target."""
    with pytest.raises(ExecutionError) as error:
        build(runner, project, directory, **fields)
    message = str(error.value)
    assert f"target {directory}:wheel" in message
    return message
