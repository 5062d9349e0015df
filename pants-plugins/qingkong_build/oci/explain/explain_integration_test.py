"""Explains layers of this repository's production lockfile, and runs what is printed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.dependency_inference import rules as dependency_inference
from pants.backend.python.target_types import (
    PexBinary,
    PythonRequirementTarget,
    PythonSourcesGeneratorTarget,
)
from pants.core.goals.run import RunRequest
from pants.core.target_types import GenericTarget
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.parametrize import Parametrize
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine
from qingkong_build.oci.explain import register
from qingkong_build.oci.explain.explain import ImageExplanationFieldSet
from qingkong_build.oci.image import register as oci_image
from qingkong_build.oci.image.image_integration_test import base_layout
from qingkong_build.oci.layers import register as layers_backend

PATH = "/usr/lib/python"
# Those of the image and the tools, and what puts wheels into layers.
LOCKS = ("prod.lock", "dev.lock", "image-layer.lock", "image-tools.lock")
FILES = {
    "3rdparty/BUILD": """
for name in ("aiohttp", "click"):
    python_requirement(
        name=name, requirements=[name + ">=1"], resolve=parametrize("prod", "dev")
    )
""",
    "src/BUILD": "python_sources()\n",
    "src/app.py": "import click\n",
    "deploy/BUILD": f"""
requirements_layer(name="requirements", resolve="prod", path="{PATH}")
sources_layer(name="app", path="/app", dependencies=["src"])
image_explanation(name="explain", dependencies=[":requirements", ":app"])
image_explanation(name="nothing", dependencies=[":app"])
pex_binary(name="run", entry_point="app")
oci_image(name="oci", base="nothing:1", pex=":run")
image_explanation(name="explain-pex", dependencies=[":oci"])
oci_image(name="oci-zstd", base="nothing:1", pex=":run", compression="zstd")
image_explanation(name="explain-zstd", dependencies=[":oci-zstd"])
""",
}


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *dependency_inference.rules(),
            *layers_backend.rules(),
            *oci_image.rules(),
            *register.rules(),
            *target_types_rules.rules(),
            QueryRule(RunRequest, [ImageExplanationFieldSet]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=[
            *layers_backend.target_types(),
            *oci_image.target_types(),
            *register.target_types(),
            GenericTarget,
            PexBinary,
            PythonRequirementTarget,
            PythonSourcesGeneratorTarget,
        ],
        objects={"parametrize": Parametrize},
    )
    locks = {name: Path("3rdparty", name).read_text() for name in LOCKS}
    runner.write_files({**locks, **FILES})
    set_options(runner, "--explain-image-install-from-resolve=dev")
    return runner


def set_options(runner: RuleRunner, *more: str) -> None:
    machine.set_options(
        runner,
        [
            "--source-root-patterns=['/src']",
            "--python-interpreter-constraints=['CPython==3.12.*']",
            "--python-enable-resolves",
            f"--python-resolves={ {name[:-5]: name for name in LOCKS} }",
            "--python-default-resolve=prod",
            "--python-invalid-lockfile-behavior=ignore",
            "--python-infer-use-rust-parser",
            "--production-closure-resolves=['prod']",
            "--production-closure-development-resolves=['dev']",
            "--explain-image-requirements=['packaging']",
            *more,
        ],
    )


def request(runner: RuleRunner, name: str) -> RunRequest:
    target = runner.get_target(Address("deploy", target_name=name))
    return runner.request(RunRequest, [ImageExplanationFieldSet.create(target)])


@pytest.fixture(scope="module")
def explained(repository: RuleRunner, tmp_path_factory: pytest.TempPathFactory) -> RunRequest:
    return laid_out(repository, "explain", tmp_path_factory.mktemp("chroot"))


def laid_out(repository: RuleRunner, name: str, root: Path) -> RunRequest:
    """The request, with its files laid out below `root` as `pants run` does."""
    made = request(repository, name)
    for file in repository.request(DigestContents, [made.digest]):
        (root / file.path).parent.mkdir(exist_ok=True)
        (root / file.path).write_bytes(file.content)
    return RunRequest(
        digest=made.digest, args=[argument.format(chroot=root) for argument in made.args]
    )


def run(explained: RunRequest, *arguments: str) -> str:
    return subprocess.run(
        [*explained.args, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=os.sep,
    ).stdout


def test_each_distribution_and_why(explained: RunRequest) -> None:
    entries: list[dict[str, Any]] = json.loads(run(explained, "--json"))
    found = {entry["name"]: entry for entry in entries}
    assert len(found) == len(entries) > 10
    click = found["click"]
    assert click["declared_by"] == "3rdparty:click@resolve=prod"
    assert click["imported_by"] == ["src/app.py"]
    assert click["chains"][0] == ["click<9,>=8.5"]
    assert click["bytes"] > 100_000
    assert click["license"] == "BSD-3-Clause"
    # By two ways: aiohttp asks for it, and through yarl.
    multidict = found["multidict"]
    assert multidict["declared_by"] is None
    assert multidict["chains"][0][0].startswith("aiohttp")
    assert all(entry["chains"] for entry in entries), "the markers were read wrongly"
    assert {entry["layer"] for entry in entries} == {"deploy:requirements"}


def test_the_image_of_a_pex(repository: RuleRunner, tmp_path: Path) -> None:
    """Its layers are no targets, and it has what its own code requires."""
    explained = laid_out(repository, "explain-pex", tmp_path)
    (click,) = json.loads(run(explained, "--json"))
    assert click["name"] == "click"
    assert click["layer"] == "deploy:run (requirements)"
    assert click["declared_by"] == "3rdparty:click@resolve=prod"
    assert click["imported_by"] == ["src/app.py"]
    assert click["chains"] == [["click>=1"]]
    assert click["built_by"] == []


def test_it_is_printed(explained: RunRequest) -> None:
    assert " 3rdparty:aiohttp@resolve=prod\n" in run(explained)
    assert "  used by src/app.py\n" in run(explained, "click")


@pytest.mark.parametrize("name", ["explain-pex", "explain-zstd"])
def test_the_page_of_an_image(repository: RuleRunner, tmp_path: Path, name: str) -> None:
    """All layers of the image, for which it is built; of nothing else, it is no page."""
    base = base_layout(tmp_path / "base", "amd64")
    resolve = "--explain-image-install-from-resolve=dev"
    options = (
        *(resolve, f"--image-assembly-base=oci:{base}", "--run-args='--html=image.html'"),
        "--image-zstd-install-from-resolve=image-tools",
        "--image-zstd-requirements=['zstandard']",
    )
    set_options(repository, *options)
    try:
        explained = laid_out(repository, name, tmp_path)
        message = refusal(repository, "explain")
    finally:
        set_options(repository, resolve)
    assert run(explained, f"--html={tmp_path / 'written.html'}").startswith("Wrote ")
    text = (tmp_path / "written.html").read_text(encoding="utf-8")
    for part in ("<svg", "base</th>", "deploy/run.requirements</th>", ">click 8.", "/app</th>"):
        assert part in text
    for part in (
        "'dependencies' field in target deploy:explain",
        "'deploy:app', 'deploy:requirements'",
        "--html draws one image, and these are 0",
        "Fix: ",
    ):
        assert part in message


def refusal(runner: RuleRunner, name: str) -> str:
    with pytest.raises(ExecutionError) as error:
        request(runner, name)
    exceptions: Sequence[Exception] = error.value.wrapped_exceptions
    return str(exceptions[0])


def test_nothing_to_explain(repository: RuleRunner) -> None:
    message = refusal(repository, "nothing")
    assert "'dependencies' field in target deploy:nothing leads to no layer" in message


def test_no_resolve_to_evaluate_markers(repository: RuleRunner) -> None:
    set_options(repository)
    try:
        message = refusal(repository, "explain")
    finally:
        set_options(repository, "--explain-image-install-from-resolve=dev")
    assert "[explain-image].install_from_resolve is not set" in message
