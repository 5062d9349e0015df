"""Leaks through a lockfile: a requirement of production that asks for one of development."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from pants.backend.python.target_types import PythonRequirementTarget
from pants.backend.python.util_rules import pex_requirements
from pants.core.goals.package import BuiltPackage
from pants.engine.addresses import Address
from pants.engine.internals.parametrize import Parametrize
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from qingkong_build.oci.layers import register as layers_backend
from qingkong_build.oci.layers.packaging import ImageLayerFieldSet
from qingkong_build.python_lock.lock_rules import ProductionLock, ProductionLockRequest

BUILD = """
python_requirement(name="web", requirements=["web>=1"], resolve=parametrize("prod", "dev"))
python_requirement(name="pytest", requirements=["PyTest>=8.4,<9"], resolve="dev")
python_requirement(name="seen", requirements=["pluggy"], resolve="other")
"""
LAYER = Address("deploy", target_name="layer")


def lockfile(projects: dict[str, list[str]], roots: list[str]) -> str:
    locked = [
        {"project_name": name, "version": "1.0", "requires_dists": requires, "artifacts": []}
        for name, requires in projects.items()
    ]
    return json.dumps({"requirements": roots, "locked_resolves": [{"locked_requirements": locked}]})


@pytest.fixture
def runner() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *layers_backend.rules(),
            *pex_requirements.rules(),
            QueryRule(BuiltPackage, [ImageLayerFieldSet]),
            QueryRule(ProductionLock, [ProductionLockRequest]),
        ],
        target_types=[*layers_backend.target_types(), PythonRequirementTarget],
        objects={"parametrize": Parametrize},
    )
    runner.write_files({"3rdparty/BUILD": BUILD})
    runner.set_options(
        [
            "--python-enable-resolves",
            "--python-resolves={'prod': 'prod.lock', 'dev': 'dev.lock', 'other': 'other.lock'}",
            "--python-default-resolve=prod",
            "--python-invalid-lockfile-behavior=ignore",
            "--production-closure-resolves=['prod']",
            "--production-closure-development-resolves=['dev']",
        ]
    )
    return runner


def check(runner: RuleRunner, projects: dict[str, list[str]], *roots: str) -> None:
    runner.write_files({"prod.lock": lockfile(projects, list(roots))})
    runner.request(ProductionLock, [ProductionLockRequest(LAYER, "prod")])


def refusal(runner: RuleRunner, resolve: str = "prod") -> str:
    """What the layer of a lockfile ends with."""
    runner.write_files(
        {"deploy/BUILD": f"requirements_layer(name='layer', resolve='{resolve}', path='/lib')\n"}
    )
    field_set = ImageLayerFieldSet.create(runner.get_target(LAYER))
    with pytest.raises(ExecutionError) as error:
        runner.request(BuiltPackage, [field_set])
    exceptions: Sequence[Exception] = error.value.wrapped_exceptions
    wrapped = exceptions[0]
    assert type(wrapped).__name__ == "DevelopmentLeakError"
    return str(wrapped)


def test_production_alone(runner: RuleRunner) -> None:
    check(runner, {"web": ["http"], "http": []}, "web>=1")


def test_what_tools_of_another_resolve_use_may_ship(runner: RuleRunner) -> None:
    check(runner, {"web": ["pluggy"], "pluggy": []}, "web>=1")


def test_one_of_production_asks_for_it(runner: RuleRunner) -> None:
    projects = {"web": ["http"], "http": ["pytest>=7"], "pytest": []}
    runner.write_files({"prod.lock": lockfile(projects, ["web>=1"])})
    message = refusal(runner)
    assert "deploy:layer would ship what is declared for development: pytest." in message
    assert "In prod.lock it came by" in message
    assert (
        "  3rdparty:web@resolve=prod -> web 1.0 -> http 1.0 -> pytest 1.0 (pytest>=7) "
        "(declared for development by 3rdparty:pytest)" in message
    )
    assert "`pants generate-lockfiles --resolve=prod`" in message


def test_it_is_declared_in_both(runner: RuleRunner) -> None:
    runner.write_files(
        {
            "more/BUILD": "python_requirement(requirements=['pytest'], resolve='prod')\n",
            "prod.lock": lockfile({"pytest": []}, ["pytest"]),
        }
    )
    assert "  more:more -> pytest 1.0 (pytest)" in refusal(runner)


def test_a_lockfile_that_must_not_ship(runner: RuleRunner) -> None:
    message = refusal(runner, "dev")
    assert "deploy:layer would ship the whole lockfile of resolve 'dev'" in message
    assert "only 'prod' may ship" in message
