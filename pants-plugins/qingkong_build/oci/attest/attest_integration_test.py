"""Runs `image_attestations` targets with Pants' engine, on layouts with real layers."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pants.backend.python import target_types_rules
from pants.core.goals import package
from pants.core.goals.package import BuiltPackage
from pants.core.goals.run import RunRequest
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import Dependencies, DependenciesRequest
from pants.testutil.rule_runner import QueryRule, RuleRunner

from plugin_testing import layouts, machine
from qingkong_build.oci.attest import register
from qingkong_build.oci.attest.rules import ImageAttestationsFieldSet
from qingkong_build.oci.attest.signing import ImageSignaturesFieldSet

SITE = "usr/local/lib/python3.12/site-packages"
LOCK = {
    "requirements": ["shop"],
    "locked_resolves": [
        {
            "locked_requirements": [
                {
                    "project_name": "shop",
                    "version": "1.0",
                    "requires_dists": [],
                    "artifacts": [
                        {"hash": "a" * 64, "url": "https://x.test/shop-1.0-py3-none-any.whl"}
                    ],
                }
            ]
        }
    ],
}


@pytest.fixture(scope="module")
def repository() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *layouts.rules(),
            *package.rules(),
            *register.rules(),
            *target_types_rules.rules(),
            QueryRule(BuiltPackage, [ImageAttestationsFieldSet]),
            QueryRule(Addresses, [DependenciesRequest]),
            QueryRule(DigestContents, [Digest]),
            QueryRule(RunRequest, [ImageSignaturesFieldSet]),
        ],
        target_types=[layouts.LayoutTarget, *register.target_types()],
    )
    runner.write_files(
        {
            "image-tools.lock": Path("3rdparty/image-tools.lock").read_text(),
            "ships.lock": json.dumps(LOCK),
        }
    )
    tools = ("cyclonedx-python-lib", "jsonschema", "packageurl-python", "packaging")
    machine.set_options(
        runner,
        [
            "--python-interpreter-constraints=['CPython==3.12.*']",
            "--python-enable-resolves",
            "--python-resolves={'ships': 'ships.lock', 'image-tools': 'image-tools.lock'}",
            "--python-default-resolve=ships",
            "--image-attest-install-from-resolve=image-tools",
            f"--image-attest-requirements={list(tools)}",
            "--image-attest-builder-id=https://ci.example.test",
            "--image-zstd-install-from-resolve=image-tools",
            "--image-zstd-requirements=['zstandard']",
        ],
    )
    return runner


@pytest.fixture(autouse=True)
def image(repository: RuleRunner) -> None:
    write_image(repository, "1.0")


def write_image(runner: RuleRunner, version: str) -> None:
    info = f"{SITE}/shop-{version}.dist-info"
    ours = {
        f"{info}/METADATA": (f"Name: shop\nVersion: {version}\nLicense: MIT\n", 0),
        f"{info}/WHEEL": ("Tag: py3-none-any\n", 0),
    }
    settings = {"Env": ["PYTHON_VERSION=3.12.1"]}
    layouts.write_layout(runner, "deploy/oci", [{"etc/x": ("", 0)}, ours], settings)


def attest(runner: RuleRunner, **fields: Any) -> dict[str, bytes]:
    """The files of the package."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    runner.write_files(
        {
            "deploy/BUILD": "layout(name='oci', sources=['oci/**'])\n"
            f"image_attestations(name='attested', image=':oci', {arguments})\n"
        }
    )
    target = runner.get_target(Address("deploy", target_name="attested"))
    built = runner.request(BuiltPackage, [ImageAttestationsFieldSet.create(target)])
    assert [artifact.relpath for artifact in built.artifacts] == ["deploy/attested"]
    contents = runner.request(DigestContents, [built.digest])
    return {file.path.replace("deploy/attested/", ""): file.content for file in contents}


def test_files_and_referrers(repository: RuleRunner) -> None:
    files = attest(repository)
    bill, statement = (
        json.loads(files[name]) for name in ("sbom.cdx.json", "provenance.intoto.json")
    )
    assert [one["purl"] for one in bill["components"]] == [
        "pkg:generic/python@3.12.1",
        "pkg:pypi/shop@1.0",
    ]
    assert statement["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example.test"
    assert statement["predicate"]["buildDefinition"]["externalParameters"]["target"] == "deploy:oci"
    for descriptor in json.loads(files["oci/index.json"])["manifests"]:
        digest = descriptor["digest"].removeprefix("sha256:")
        assert hashlib.sha256(files[f"oci/blobs/sha256/{digest}"]).hexdigest() == digest
    kinds = [one.get("artifactType") for one in json.loads(files["oci/index.json"])["manifests"]]
    assert kinds == [None, "application/vnd.cyclonedx+json", "application/vnd.in-toto+json"]
    # Nothing of the image's layout is lost.
    before = {
        path.relative_to(Path(repository.build_root, "deploy")).as_posix()
        for path in Path(repository.build_root, "deploy", "oci").rglob("*")
        if path.is_file()
    }
    assert before <= set(files)


def sources_hash(files: dict[str, bytes]) -> str:
    statement = json.loads(files["provenance.intoto.json"])
    (found,) = (
        one["digest"]["dirHash"]
        for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        if one.get("name") == "sources"
    )
    return str(found)


def test_the_hash_of_the_sources(repository: RuleRunner) -> None:
    """As the in-toto specification computes it: `sha256sum` of `sha256sum`'s lines."""
    found = sources_hash(attest(repository))
    root = Path(repository.build_root)
    paths = [path for path in (root / "deploy").rglob("*") if path.is_file()]
    lines = sorted(
        (path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths
    )
    text = "".join(f"{digest}  {path}\n" for path, digest in lines)
    assert found == hashlib.sha256(text.encode()).hexdigest()


def test_another_image(repository: RuleRunner) -> None:
    write_image(repository, "1.1")
    error = failure(repository)
    assert "target deploy:oci: image sha256:" in error
    assert "shop is 1.1 in the image, but locked at 1.0 (ships.lock)" in error
    assert "Fix: package its layers again" in error


def test_unknown_resolve(repository: RuleRunner) -> None:
    error = failure(repository, resolves=["production"])
    assert "The 'resolves' field in target deploy:attested is ['production']: " in error
    assert "[python.resolves] has only: image-tools, ships" in error


def test_wheels_that_are_none(repository: RuleRunner) -> None:
    error = failure(repository, wheels=[":oci"])
    assert "The 'wheels' field in target deploy:attested is [':oci']" in error
    assert "packaging these makes only []" in error


def failure(runner: RuleRunner, **fields: Any) -> str:
    with pytest.raises(ExecutionError) as error:
        attest(runner, **fields)
    return str(error.value)


def test_the_image_is_a_dependency(repository: RuleRunner) -> None:
    attest(repository)
    target = repository.get_target(Address("deploy", target_name="attested"))
    found = repository.request(Addresses, [DependenciesRequest(target.get(Dependencies))])
    assert list(found) == [Address("deploy", target_name="oci")]


def test_the_wheels_are_dependencies(repository: RuleRunner) -> None:
    repository.write_files(
        {
            "wheels/BUILD": "layout(name='oci', sources=[])\nlayout(name='fast', sources=[])\n"
            "image_attestations(name='attested', image=':oci', wheels=[':fast'])\n"
        }
    )
    target = repository.get_target(Address("wheels", target_name="attested"))
    found = repository.request(Addresses, [DependenciesRequest(target.get(Dependencies))])
    assert sorted(found) == [Address("wheels", target_name=name) for name in ("fast", "oci")]


def run(runner: RuleRunner, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `pants run` starts, with its files laid out as it does, in a repository at `place`."""
    target = runner.get_target(Address("deploy", target_name="attested"))
    made = runner.request(RunRequest, [ImageSignaturesFieldSet.create(target)])
    chroot = place.parent / "chroot"
    for file in runner.request(DigestContents, [made.digest]):
        (chroot / file.path).parent.mkdir(parents=True, exist_ok=True)
        (chroot / file.path).write_bytes(file.content)
    return subprocess.run(
        [*(argument.format(chroot=chroot) for argument in made.args), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=place,
    )


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_signed_and_verified(repository: RuleRunner, tmp_path: Path, compression: str) -> None:
    """A package is signed where it is, and each of its files is verified."""
    layouts.compress_again(repository, "deploy/oci", compression)
    place = tmp_path / "repository"
    for path, content in attest(repository).items():
        file = place / "dist/deploy/attested" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for arguments in (
        ("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "cosign.key"),
        ("ec", "-in", "cosign.key", "-pubout", "-out", "cosign.pub"),
    ):
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)
    command = "openssl dgst -sha256 -sign cosign.key"
    signed = run(repository, place, "sign", "--command", command)
    assert signed.stderr == ""
    assert signed.stdout.endswith(": image, bill of materials, provenance\n")
    verify = ("verify", "--key", "cosign.pub")
    verified = run(repository, place, *verify)
    assert verified.stderr == ""
    assert verified.stdout.endswith(": 2 layers, bill of materials, provenance\n")
    bill = place / "dist/deploy/attested/sbom.cdx.json"
    bill.write_text(bill.read_text().replace("shop", "SHOP"))
    edited = run(repository, place, *verify)
    assert edited.returncode == 1
    assert "--document='dist/deploy/attested/sbom.cdx.json'" in edited.stderr


def test_nothing_is_packaged(repository: RuleRunner, tmp_path: Path) -> None:
    attest(repository)
    place = tmp_path / "repository"
    place.mkdir()
    found = run(repository, place, "verify", "--key", "cosign.pub")
    assert found.returncode == 1
    assert "LAYOUT='dist/deploy/attested/oci'" in found.stderr
    assert "pants package" in found.stderr
