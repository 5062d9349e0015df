"""Runs `image_policy` targets with Pants' engine, on layouts with real layers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pants.backend.python import target_types_rules
from pants.core.goals import package
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.goals.test import ShowOutput, TestResult
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    DependenciesRequest,
    HydratedSources,
    HydrateSourcesRequest,
    MultipleSourcesField,
    Target,
)
from pants.engine.unions import UnionRule
from pants.testutil.rule_runner import QueryRule, RuleRunner

from image_policy import register
from image_policy.rules import ImagePolicyFieldSet, ImagePolicyRequest, PackageSources
from plugin_testing import machine

SCRIPTS = "pants-plugins/image_layout/scripts"
# A layer of a base, and one of ours with a program that belongs to its user.
BUILD_LAYOUT = """
import json, pathlib, sys
from layout_builder import Node, write_layout
write_layout(
    pathlib.Path(sys.argv[1]),
    [{"etc/os-release": "ID=debian"}, {"app/main.py": Node(uid=int(sys.argv[2]))}],
    json.loads(sys.argv[3]),
)
"""
SETTINGS = {"User": "10001:10001", "Cmd": ["python", "main.py"]}
RULES = """
from policy_rule import Finding, rule

@rule("SHOP-001", title="The shop is there", reason="Without it nothing is sold.")
def shop(subject):
    if subject.image.resolve("/app/shop.py") is None:
        yield Finding("it is not. Put it there.", "app/shop.py")
"""
# What the little image above lacks, beside the rules that the tests are about.
WAIVERS = {
    f"QK-IMG-{number:03}": "The image of this test has no more than what is tested."
    for number in (8, 9, 10, 12, 17, 19)
}


class LayoutSourcesField(MultipleSourcesField):
    uses_source_roots = False


class LayoutTarget(Target):
    """A layout that lies in the repository, as one from elsewhere would."""

    alias = "layout"
    core_fields = (*COMMON_TARGET_FIELDS, LayoutSourcesField)


@dataclass(frozen=True)
class LayoutFieldSet(PackageFieldSet):
    required_fields = (LayoutSourcesField,)

    sources: LayoutSourcesField


@rule
async def package_layout(field_set: LayoutFieldSet) -> BuiltPackage:
    sources = await Get(HydratedSources, HydrateSourcesRequest(field_set.sources))
    return BuiltPackage(sources.snapshot.digest, (BuiltPackageArtifact(None),))


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *collect_rules(globals()),
            *package.rules(),
            *register.rules(),
            *target_types_rules.rules(),
            UnionRule(PackageFieldSet, LayoutFieldSet),
            QueryRule(TestResult, [ImagePolicyRequest.Batch]),
            QueryRule(PackageSources, []),
            QueryRule(Addresses, [DependenciesRequest]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=[LayoutTarget, *register.target_types()],
    )
    locks = ("dev", "prod", "image-tools")
    runner.write_files(
        {f"{name}.lock": Path(f"3rdparty/{name}.lock").read_text() for name in locks}
    )
    machine.set_options(
        runner,
        [
            "--python-interpreter-constraints=['CPython==3.12.*']",
            "--python-enable-resolves",
            f"--python-resolves={ {name: f'{name}.lock' for name in locks} }",
            "--python-default-resolve=prod",
            "--image-policies-install-from-resolve=image-tools",
            "--image-policies-requirements=['detect-secrets']",
        ],
    )
    write_layout(runner, owner=0)
    return runner


def write_layout(runner: RuleRunner, owner: int) -> None:
    place = Path(runner.build_root, "deploy", "oci")
    subprocess.run(["rm", "-rf", str(place)], check=True)
    subprocess.run(
        [sys.executable, "-c", BUILD_LAYOUT, str(place), str(owner), json.dumps(SETTINGS)],
        env={**os.environ, "PYTHONPATH": str(Path(SCRIPTS).resolve())},
        check=True,
    )
    runner.write_files({"deploy/shop_rules.py": RULES})


@dataclass(frozen=True)
class Partition:
    description: str | None = None


def judge(runner: RuleRunner, **fields: Any) -> TestResult:
    fields = {"image": ":oci", "waivers": WAIVERS, **fields}
    arguments = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    runner.write_files(
        {
            "deploy/BUILD": "layout(name='oci', sources=['oci/**'])\n"
            "layout(name='none', sources=['BUILD'])\n"
            f"image_policy(name='policy', {arguments})\n"
        }
    )
    target = runner.get_target(Address("deploy", target_name="policy"))
    field_set = ImagePolicyFieldSet.create(target)
    batch = ImagePolicyRequest.Batch("", (field_set,), Partition())
    return runner.request(TestResult, [batch])


def cases(runner: RuleRunner, result: TestResult) -> dict[str, bool]:
    """What the JUnit report has: each case, and whether it failed."""
    assert result.xml_results is not None
    assert result.xml_results.files == ("deploy.policy.xml",)
    (file,) = runner.request(DigestContents, [result.xml_results.digest])
    found = ElementTree.fromstring(file.content).iter("testcase")
    return {case.attrib["name"]: case.find("failure") is not None for case in found}


def test_a_good_image(repository: RuleRunner) -> None:
    result = judge(repository)
    assert result.exit_code == 0, result.stdout + result.stderr
    assert result.output_setting == ShowOutput.FAILED
    assert "QK-IMG-001  ok      The user is a number, and not root" in result.stdout
    assert "19 rules, 0 failed, 6 waived" in result.stdout
    found = cases(repository, result)
    assert len(found) == 19
    assert not any(found.values())


def test_a_changed_image_is_judged_again(repository: RuleRunner) -> None:
    write_layout(repository, owner=10001)
    try:
        result = judge(repository)
        assert result.exit_code == 1
        assert "/app/main.py: belongs to 10001:0" in result.stdout
        failed = [name for name, broken in cases(repository, result).items() if broken]
        assert [name.split()[0] for name in failed] == ["QK-IMG-002"]
    finally:
        write_layout(repository, owner=0)
    assert judge(repository).exit_code == 0


def test_rules_of_a_team(repository: RuleRunner) -> None:
    result = judge(repository, extra_rules=["shop_rules.py"])
    assert result.exit_code == 1
    assert "SHOP-001    FAIL    The shop is there\n    /app/shop.py: it is not." in result.stdout


def test_an_unused_waiver(repository: RuleRunner) -> None:
    waivers = {**WAIVERS, "QK-IMG-003": "Our base needs sudo for its agent."}
    result = judge(repository, waivers=waivers)
    assert result.exit_code == 2
    assert "target deploy:policy: the 'waivers' field has 'QK-IMG-003'" in result.stderr
    assert cases(repository, result) == {"the policy": True}


def test_no_layout(repository: RuleRunner) -> None:
    error = failure(repository, image=":none")
    assert "The 'image' field in target deploy:policy is ':none', whose package holds no" in error


def test_unknown_image(repository: RuleRunner) -> None:
    assert "the 'image' field in target deploy:policy" in failure(repository, image=":missing")


def test_unknown_resolve(repository: RuleRunner) -> None:
    error = failure(repository, development_resolves=["tools"])
    assert "'development_resolves' field in target deploy:policy has 'tools'" in error
    assert "[python.resolves] has only: dev, image-tools, prod" in error


def failure(runner: RuleRunner, **fields: Any) -> str:
    with pytest.raises(ExecutionError) as error:
        judge(runner, **fields)
    return str(error.value)


def test_the_image_is_a_dependency(repository: RuleRunner) -> None:
    judge(repository)
    target = repository.get_target(Address("deploy", target_name="policy"))
    found: Iterable[Address] = repository.request(
        Addresses, [DependenciesRequest(target.get(Dependencies))]
    )
    assert list(found) == [Address("deploy", target_name="oci")]


def test_the_machine_s_package_sources(repository: RuleRunner) -> None:
    """Those that Pants is told of on this machine are among what is looked for."""
    found = repository.request(PackageSources, [])
    mapping = os.environ["PANTS_PYTHON_REPOS_PATH_MAPPINGS"]
    hosts = [host for host in found.hosts if host in mapping]
    assert hosts or "//" not in mapping, (found.hosts, mapping)
