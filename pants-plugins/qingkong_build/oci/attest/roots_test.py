"""Which requirements the statements of an image begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.addresses import Address
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import machine, pex_images
from qingkong_build.oci.attest import roots
from qingkong_build.oci.attest.roots import ImageRoots, ImageRootsRequest

BUILD = """
python_requirement(name="one", requirements=["one>=1"])
python_requirement(name="two", requirements=["two"])
python_requirement(name="tool", requirements=["tool"], resolve="tools")
pex_binary(name="bin", script="one", dependencies=[":one", ":tool"])
pex_binary(name="more", script="two", dependencies=[":two", ":one"])

oci_image(name="plain", base="python:3.12")
oci_image(name="parent", base="python:3.12", pex=":more")
oci_image(name="oci", base=":parent", pex=":bin")
"""


@pytest.fixture
def repository(tmp_path: Path) -> RuleRunner:
    runner = pex_images.repository_with(
        [
            *roots.rules(),
            QueryRule(ImageRoots, [ImageRootsRequest]),
            QueryRule(PythonSetup, []),
        ]
    )
    machine.set_options(runner, pex_images.options(tmp_path, tmp_path / "base"))
    runner.write_files({"app/BUILD": BUILD})
    return runner


def roots_of(runner: RuleRunner, name: str) -> dict[str, list[str]] | None:
    address = Address("app", target_name=name)
    found = runner.request(ImageRoots, [ImageRootsRequest(address)])
    return found.by_lockfile(runner.request(PythonSetup, []))


def test_requirements_of_the_resolve_of_each_pex(repository: RuleRunner) -> None:
    """What is of another resolve is in no layer, and not in that lockfile's part of the image."""
    assert roots_of(repository, "parent") == {"made.lock": ["one>=1", "two"]}
    assert roots_of(repository, "oci") == {"made.lock": ["one>=1", "two"]}


def test_without_a_pex_a_whole_lockfile_is_meant(repository: RuleRunner) -> None:
    assert roots_of(repository, "plain") is None
