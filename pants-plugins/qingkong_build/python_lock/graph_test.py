"""Leaks through targets, with Pants' own dependency inference and the layers that refuse them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.dependency_inference import rules as dependency_inference
from pants.backend.python.macros.python_artifact import PythonArtifact
from pants.backend.python.target_types import (
    PexBinary,
    PythonDistribution,
    PythonRequirementTarget,
    PythonSourcesGeneratorTarget,
)
from pants.core.goals.package import BuiltPackage
from pants.core.target_types import GenericTarget, ResourcesGeneratorTarget
from pants.engine.addresses import Address
from pants.engine.internals.parametrize import Parametrize
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from qingkong_build.oci.layers import register as layers_backend
from qingkong_build.oci.layers.packaging import ImageLayerFieldSet
from qingkong_build.python_lock.graph import (
    ProductionClosure,
    ProductionClosureRequest,
    shortest_path,
)

ROOT = Address("deploy", target_name="app")
FILES = {
    "3rdparty/BUILD": """
python_requirement(name="web", requirements=["web>=1"], resolve=parametrize("prod", "dev"))
python_requirement(name="pytest", requirements=["pytest>=8.4,<9"], resolve="dev")
""",
    "deploy/BUILD": "sources_layer(name='app', path='/app', dependencies=['src/app'])\n",
    "src/app/BUILD": "python_sources()\n",
    "src/app/main.py": "import web\n",
}


def set_options(runner: RuleRunner, ships: str) -> None:
    runner.set_options(
        [
            "--source-root-patterns=['/src']",
            "--python-enable-resolves",
            "--python-resolves={'prod': 'prod.lock', 'dev': 'dev.lock'}",
            "--python-default-resolve=prod",
            "--python-infer-unowned-dependency-behavior=error",
            "--python-infer-use-rust-parser",
            f"--production-closure-resolves={ships}",
        ]
    )


@pytest.fixture
def runner() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *dependency_inference.rules(),
            *target_types_rules.rules(),
            *layers_backend.rules(),
            QueryRule(BuiltPackage, [ImageLayerFieldSet]),
            QueryRule(ProductionClosure, [ProductionClosureRequest]),
        ],
        target_types=[
            *layers_backend.target_types(),
            GenericTarget,
            PexBinary,
            PythonDistribution,
            PythonRequirementTarget,
            PythonSourcesGeneratorTarget,
            ResourcesGeneratorTarget,
        ],
        objects={"parametrize": Parametrize, "python_artifact": PythonArtifact},
    )
    runner.write_files(FILES)
    set_options(runner, "['prod']")
    return runner


def check(runner: RuleRunner) -> None:
    runner.request(ProductionClosure, [ProductionClosureRequest(ROOT)])


def refusal(runner: RuleRunner, files: dict[str, str]) -> str:
    """What the layer `deploy:app` ends with, changed by `files`."""
    runner.write_files(files)
    target = runner.get_target(ROOT)
    with pytest.raises(ExecutionError) as error:
        runner.request(BuiltPackage, [ImageLayerFieldSet.create(target)])
    exceptions: Sequence[Exception] = error.value.wrapped_exceptions
    wrapped = exceptions[0]
    assert type(wrapped).__name__ == "DevelopmentLeakError"
    return str(wrapped)


def test_production_may_ship(runner: RuleRunner) -> None:
    check(runner)


def test_an_import(runner: RuleRunner) -> None:
    message = refusal(runner, {"src/app/main.py": "import web\nimport pytest\n"})
    assert "  deploy:app -> src/app:app -> src/app/main.py\n" in message
    assert "pytest (line: 2)" in message
    assert "pytest: 'dev' from 3rdparty:pytest" in message
    assert "Remove the import from what ships" in message


def test_an_import_of_an_import(runner: RuleRunner) -> None:
    message = refusal(
        runner,
        {
            "src/app/main.py": "import lib.checks\n",
            "src/lib/BUILD": "python_sources()\n",
            "src/lib/checks.py": "import pytest\n",
        },
    )
    assert "deploy:app -> src/app:app -> src/app/main.py -> src/lib/checks.py\n" in message


def test_a_declared_requirement(runner: RuleRunner) -> None:
    """Nothing imports it, and without a check it would be left out of the image in silence."""
    message = refusal(
        runner, {"src/app/BUILD": "python_sources(dependencies=['3rdparty:pytest'])\n"}
    )
    assert (
        "deploy:app -> src/app:app -> src/app/main.py -> 3rdparty:pytest "
        "(pytest<9,>=8.4, of resolve 'dev')" in message
    )
    assert "Remove the dependency after which the path leaves 'prod'" in message


def test_sources_of_another_resolve(runner: RuleRunner) -> None:
    """The path goes on to the requirement that they are there for."""
    message = refusal(
        runner,
        {
            "src/app/BUILD": "python_sources(dependencies=['src/tool'])\n",
            "src/tool/BUILD": "python_sources(resolve='dev')\n",
            "src/tool/report.py": "import pytest\n",
        },
    )
    assert "-> src/app/main.py -> src/tool:tool -> " in message
    assert "src/tool/report.py -> 3rdparty:pytest (pytest<9,>=8.4, of resolve 'dev')" in message


def test_the_wrong_one_of_two_variants(runner: RuleRunner) -> None:
    message = refusal(
        runner,
        {
            "src/app/BUILD": "python_sources(resolve=parametrize('prod', 'dev'))\n",
            "deploy/BUILD": (
                "sources_layer(name='app', path='/app', dependencies=['src/app@resolve=dev'])\n"
            ),
        },
    )
    assert "  deploy:app -> src/app@resolve=dev -> src/app/main.py@resolve=dev ->" in message
    assert "name it with '@resolve=prod'" in message


def test_a_resource(runner: RuleRunner) -> None:
    message = refusal(
        runner,
        {
            "src/app/BUILD": (
                "python_sources(dependencies=[':pages'])\n"
                "resources(name='pages', sources=['*.html'], dependencies=['3rdparty:pytest'])\n"
            ),
            "src/app/page.html": "",
        },
    )
    assert "src/app/page.html:pages -> 3rdparty:pytest" in message


def test_a_plugin_by_its_entry_point(runner: RuleRunner) -> None:
    """A distribution whose entry point is loaded by name: nothing that ships imports it."""
    message = refusal(
        runner,
        {
            "deploy/BUILD": (
                "wheels_layer(name='app', path='/lib', dependencies=['src/plugin:wheel'])\n"
            ),
            "src/plugin/BUILD": (
                "python_sources(resolve='dev')\n"
                "python_distribution(\n"
                "    name='wheel',\n"
                "    provides=python_artifact(name='plugin', version='1'),\n"
                "    entry_points={'app.plugins': {'check': 'plugin.hooks:check'}},\n"
                ")\n"
            ),
            "src/plugin/hooks.py": "import pytest\ndef check(): ...\n",
        },
    )
    assert "deploy:app -> src/plugin:wheel -> src/plugin/hooks.py -> 3rdparty:pytest" in message


def test_each_way_in_is_told(runner: RuleRunner) -> None:
    message = refusal(
        runner,
        {
            "3rdparty/more/BUILD": (
                "python_requirement(name='mypy', requirements=['mypy'], resolve='dev')\n"
            ),
            "src/app/BUILD": (
                "python_sources(dependencies=['3rdparty:pytest', '3rdparty/more:mypy'])\n"
            ),
        },
    )
    assert message.count(" -> ") == 6
    assert "3rdparty/more:mypy (mypy, of resolve 'dev')" in message


def test_only_the_first_of_many_are_told(runner: RuleRunner) -> None:
    names = [f"tool{number:02}" for number in range(13)]
    message = refusal(
        runner,
        {
            "3rdparty/more/BUILD": "".join(
                f"python_requirement(name='{name}', requirements=['{name}'], resolve='dev')\n"
                for name in names
            ),
            "src/app/BUILD": (
                f"python_sources(dependencies={[f'3rdparty/more:{name}' for name in names]})\n"
            ),
        },
    )
    assert message.count(" -> 3rdparty/more:tool") == 10
    assert "  and 3 more\n" in message


def test_nothing_is_checked_unless_told(runner: RuleRunner) -> None:
    runner.write_files({"src/app/BUILD": "python_sources(dependencies=['3rdparty:pytest'])\n"})
    set_options(runner, "[]")
    check(runner)


def test_shortest_path() -> None:
    one, two, three, four = (Address(name) for name in ("one", "two", "three", "four"))
    dependencies = {one: [two, three], two: [three, one], three: [four], four: [one]}
    assert shortest_path(one, [four], dependencies) == (one, three, four)
    assert shortest_path(one, [four, two], dependencies) == (one, two)
    assert shortest_path(one, [one], dependencies) == (one,)
    assert shortest_path(one, [Address("five")], dependencies) == ()
