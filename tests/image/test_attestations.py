"""What is said of the image: its bill of materials, provenance, and how they refer to it."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment

from image.lockfiles import framework_lock

PACKAGE = Path("deploy/attestations")
BLOBS = PACKAGE / "oci" / "blobs"
IMAGE_PREFIX = "org.opencontainers.image."
PROD = Path("3rdparty/prod.lock")
# What `pants run deploy:attestations` starts.
SIGNATURES = Path("pants-plugins/qingkong_build/oci/attest/scripts/signatures.py").resolve()
# What it reads layouts with.
SCRIPTS = [
    str(Path("pants-plugins/qingkong_build/oci", part, "scripts").resolve())
    for part in ("layout", "zstd")
]
DOCUMENTED = Path("docs/attestations.md")


@pytest.fixture(scope="module")
def index() -> Any:
    return json.loads((PACKAGE / "oci" / "index.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def digest(index: Any) -> str:
    """The image's: that of the manifest which both names stand for."""
    (found,) = {
        each["digest"]
        for each in index["manifests"]
        if f"{IMAGE_PREFIX}ref.name" in each.get("annotations", {})
    }
    return str(found)


@pytest.fixture(scope="module")
def bill() -> Any:
    return json.loads((PACKAGE / "sbom.cdx.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def statement() -> Any:
    return json.loads((PACKAGE / "provenance.intoto.json").read_text(encoding="utf-8"))


def locked_hashes() -> set[str]:
    lines = PROD.read_text(encoding="utf-8").splitlines()
    document = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    return {
        artifact["hash"]
        for resolve in document["locked_resolves"]
        for requirement in resolve["locked_requirements"]
        for artifact in requirement["artifacts"]
    }


def distributions(bill: Any) -> dict[str, Any]:
    """What is not the base's own, by name."""
    return {
        component["name"]: component
        for component in bill["components"]
        if component["purl"].startswith("pkg:pypi/")
        and {"name": "qingkong:origin", "value": "base"} not in component["properties"]
    }


def test_the_bill_lists_what_is_locked_and_the_driver(bill: Any) -> None:
    # Tests run on the image's platform, and on the same minor version.
    environment = {key: str(value) for key, value in default_environment().items()}
    closure = framework_lock().closure(environment)
    found = {name: component["version"] for name, component in distributions(bill).items()}
    driver = found.pop("asyncmy")
    assert found == closure
    assert driver == "0.2.18+qingkong.1"


def test_every_hash_is_a_locked_one(bill: Any) -> None:
    locked = locked_hashes()
    for name, component in distributions(bill).items():
        (digest,) = (one["content"] for one in component["hashes"])
        assert (digest in locked) == (name != "asyncmy"), name
        assert component["licenses"], name


def test_the_base_is_listed_too(bill: Any) -> None:
    names = {
        component["name"]
        for component in bill["components"]
        if component["purl"].startswith("pkg:deb/debian/")
    }
    assert {"libc6", "dpkg", "tzdata"} <= names
    assert "python" in {component["name"] for component in bill["components"]}


def test_the_statement_is_about_both_names(statement: Any, digest: str) -> None:
    assert {one["name"]: one["digest"] for one in statement["subject"]} == {
        name: {"sha256": digest.removeprefix("sha256:")}
        for name in ("fastapp:latest-py3.12", "qingkong_framework:latest-py3.12")
    }


def test_materials(statement: Any) -> None:
    definition = statement["predicate"]["buildDefinition"]
    materials = definition["resolvedDependencies"]
    locks = {one["uri"]: one["digest"] for one in materials if one.get("uri", "").endswith(".lock")}
    lock = hashlib.sha256(PROD.read_bytes()).hexdigest()
    assert locks == {f"file:{PROD}": {"sha256": lock}}
    (sdist,) = (one for one in materials if one.get("name") == "asyncmy, source distribution")
    recipe = Path("3rdparty/asyncmy/BUILD").read_text(encoding="utf-8")
    assert f'sha256="{sdist["digest"]["sha256"]}"' in recipe
    assert {"sources", "base layer"} <= {one.get("name") for one in materials}
    assert definition["externalParameters"]["target"] == "deploy:oci"
    versions = statement["predicate"]["runDetails"]["builder"]["version"]
    assert versions["pants"] in Path("pants.toml").read_text(encoding="utf-8")
    assert "gcc" in versions["asyncmy-compiler"]


def test_both_refer_to_the_image(index: Any, digest: str) -> None:
    found = {}
    for descriptor in index["manifests"]:
        raw = (BLOBS / descriptor["digest"].replace(":", "/")).read_bytes()
        assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == descriptor["digest"]
        manifest = json.loads(raw)
        if manifest.get("subject", {}).get("digest") == digest:
            (layer,) = manifest["layers"]
            file = layer["annotations"][f"{IMAGE_PREFIX}title"]
            found[file] = (BLOBS / layer["digest"].replace(":", "/")).read_bytes()
            assert descriptor["artifactType"] == layer["mediaType"]
    assert found == {
        file: (PACKAGE / file).read_bytes() for file in ("sbom.cdx.json", "provenance.intoto.json")
    }


def documented() -> list[list[str]]:
    lines = DOCUMENTED.read_text(encoding="utf-8").splitlines()
    return [shlex.split(line[2:]) for line in lines if line.startswith("$ ")]


def signatures(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-s", "-B", SIGNATURES, f"--packaged={place / 'oci'}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(SCRIPTS)},
    )


def test_the_image_is_signed_and_verified(digest: str, tmp_path: Path) -> None:
    """Every command of the docs, in order, and then what it is to swap a layer."""
    place = tmp_path / "package"
    shutil.copytree(PACKAGE, place)
    # Packaged for this test already (BUILD).
    package, *commands = documented()
    assert package == ["./pants", "package", "deploy:attestations"]
    printed = ""
    for words in commands:
        if words[0] == "openssl":
            subprocess.run(words, cwd=place, check=True, capture_output=True)
            continue
        assert words[:4] == ["./pants", "run", "deploy:attestations", "--"]
        done = signatures(place, *words[4:])
        assert done.stderr == ""
        printed += done.stdout
    signed, verified = printed.splitlines()
    names = "fastapp:latest-py3.12, qingkong_framework:latest-py3.12"
    assert signed == f"signed {digest} ({names}): image, bill of materials, provenance"
    assert verified.startswith(f"verified {digest} as fastapp:latest-py3.12: ")
    assert verified.endswith(" layers, bill of materials, provenance")
    verify = ("verify", "--key", "cosign.pub", "--name", "fastapp:latest-py3.12")
    assert signatures(place, *verify).returncode == 0
    manifest = json.loads((BLOBS / digest.replace(":", "/")).read_text(encoding="utf-8"))
    first, last = manifest["layers"][-2]["digest"], manifest["layers"][-1]["digest"]
    swapped = place / "oci" / "blobs" / last.replace(":", "/")
    # It may be read-only, as a sandbox has it.
    swapped.unlink()
    shutil.copyfile(BLOBS / first.replace(":", "/"), swapped)
    refused = signatures(place, *verify)
    assert refused.returncode == 1
    assert f"blob {last}" in refused.stderr
