"""Runs `image_policy` targets with Pants' engine, on layouts with real layers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pants.backend.python import target_types_rules
from pants.core.goals import package
from pants.core.goals.test import ShowOutput, TestResult
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import Dependencies, DependenciesRequest
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import layouts, machine
from qingkong_build.oci.policy import register
from qingkong_build.oci.policy.rules import ImagePolicyFieldSet, ImagePolicyRequest, PackageSources

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
OCI_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd"
# Not under the names that they have here: no default is one of them.
LOCKS = {"tests": "dev", "ships": "prod", "image-tools": "image-tools"}


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *layouts.rules(),
            *package.rules(),
            *register.rules(),
            *target_types_rules.rules(),
            QueryRule(TestResult, [ImagePolicyRequest.Batch]),
            QueryRule(PackageSources, []),
            QueryRule(Addresses, [DependenciesRequest]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=[layouts.LayoutTarget, *register.target_types()],
    )
    runner.write_files(
        {
            f"{name}.lock": Path(f"3rdparty/{source}.lock").read_text()
            for name, source in LOCKS.items()
        }
    )
    set_options(runner)
    write_image(runner, owner=0)
    return runner


def set_options(runner: RuleRunner, *more: str) -> None:
    machine.set_options(
        runner,
        [
            "--python-interpreter-constraints=['CPython==3.12.*']",
            "--python-enable-resolves",
            f"--python-resolves={ {name: f'{name}.lock' for name in LOCKS} }",
            "--python-default-resolve=ships",
            "--production-closure-development-resolves=['tests']",
            "--image-policies-install-from-resolve=image-tools",
            "--image-policies-requirements=['detect-secrets']",
            *more,
        ],
    )


def write_image(runner: RuleRunner, owner: int) -> None:
    """A layer of a base, and one of ours with a program that belongs to `owner`."""
    layers = [{"etc/os-release": ("ID=debian", 0)}, {"app/main.py": ("", owner)}]
    layouts.write_layout(runner, "deploy/oci", layers, SETTINGS)
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
    assert "20 rules, 0 failed, 6 waived" in result.stdout
    found = cases(repository, result)
    assert len(found) == 20
    assert not any(found.values())


@pytest.mark.parametrize("kind", [OCI_ZSTD, DOCKER_ZSTD])
def test_layers_in_zstd(repository: RuleRunner, kind: str) -> None:
    """Only they need `zstandard`: the other tests are without."""
    layouts.compress_again(repository, "deploy/oci", "zstd", kind)
    try:
        with pytest.raises(ExecutionError, match=r"\[image-zstd\].install_from_resolve is not set"):
            judge(repository)
        set_options(
            repository,
            "--image-zstd-install-from-resolve=image-tools",
            "--image-zstd-requirements=['zstandard']",
        )
        result = judge(repository)
    finally:
        set_options(repository)
        write_image(repository, owner=0)
    assert "20 rules, 0 failed, 6 waived" in result.stdout, result.stdout + result.stderr


def test_a_changed_image_is_judged_again(repository: RuleRunner) -> None:
    write_image(repository, owner=10001)
    try:
        result = judge(repository)
        assert result.exit_code == 1
        assert "/app/main.py: belongs to 10001:0" in result.stdout
        failed = [name for name, broken in cases(repository, result).items() if broken]
        assert [name.split()[0] for name in failed] == ["QK-IMG-002"]
    finally:
        write_image(repository, owner=0)
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
    assert "'development_resolves' field in target deploy:policy is ['tools']: 'tools': " in error
    assert "[python.resolves] has only: image-tools, ships, tests" in error


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
