"""Documents of an image, their content and how they refer to it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from attest_image import main
from oci_layout import Layout
from referrers import attach, referrers_of
from shop_image import WHEEL, base, distribution, image, ours, write_lock


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, Any]:
    image(
        tmp_path / "layout",
        ours=ours(),
        base=base(),
        names=("shop:1", "shop:latest"),
        config={"created": "2024-02-03T04:05:06Z"},
    )
    (tmp_path / WHEEL).write_bytes(b"a wheel")
    lock = str(write_lock(tmp_path / "prod.lock"))
    return {
        "target": "deploy:oci",
        "layout": str(tmp_path / "layout"),
        "base_layers": None,
        "lockfiles": [lock],
        "roots": None,
        "files": [lock],
        "wheels": [str(tmp_path / WHEEL)],
        "builder": "https://ci.example.test",
        "versions": {"pants": "2.17.1"},
        "sources": "5" * 64,
    }


def attest(place: Path, spec: dict[str, Any]) -> int:
    (place / "spec.json").write_text(json.dumps(spec))
    return main([str(place / "spec.json"), str(place / "out")])


def test_provenance(tmp_path: Path, spec: dict[str, Any]) -> None:
    assert attest(tmp_path, spec) == 0
    made = json.loads((tmp_path / "out" / "provenance.intoto.json").read_text())
    (manifest,) = Layout(tmp_path / "layout").images()
    digest = {"sha256": manifest.digest.removeprefix("sha256:")}
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert made["predicateType"] == "https://slsa.dev/provenance/v1"
    assert made["subject"] == [
        {"name": "shop:1", "digest": digest},
        {"name": "shop:latest", "digest": digest},
    ]
    definition = made["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"target": "deploy:oci", "platform": "linux/amd64"}
    assert definition["internalParameters"]["nativeWheels"]["fast"]["compile_args"] == ["-Os"]
    materials = {one.get("name", one.get("uri")): one for one in definition["resolvedDependencies"]}
    lock = (tmp_path / "prod.lock").read_bytes()
    assert materials[f"file:{tmp_path}/prod.lock"]["digest"] == {
        "sha256": hashlib.sha256(lock).hexdigest()
    }
    assert materials["sources"]["digest"] == {"dirHash": "5" * 64}
    assert materials["fast, source distribution"]["digest"] == {"sha256": "f" * 64}
    assert materials["shop-1.4.0-py3-none-any.whl"]["uri"] == "pkg:pypi/shop@1.4.0"
    base_layer = manifest.config["rootfs"]["diff_ids"][0].removeprefix("sha256:")
    assert materials["base layer"]["digest"] == {"sha256": base_layer}
    builder = made["predicate"]["runDetails"]["builder"]
    assert builder["id"] == "https://ci.example.test"
    assert builder["version"] == {
        "pants": "2.17.1",
        "image-python": "3.12.1",
        "fast-compiler": "gcc 12.2.0",
        "fast-python": "3.12",
        "fast-cython": "3.3.1",
    }


def test_referrers(tmp_path: Path, spec: dict[str, Any]) -> None:
    assert attest(tmp_path, spec) == 0
    shutil.copytree(tmp_path / "out" / "oci", tmp_path / "layout", dirs_exist_ok=True)
    layout = Layout(tmp_path / "layout")
    (manifest,) = layout.images()
    assert manifest.names == ("shop:1", "shop:latest"), "the image is as it was"
    found = {one["artifactType"]: one for one in referrers_of(layout, manifest.digest)}
    assert set(found) == {"application/vnd.cyclonedx+json", "application/vnd.in-toto+json"}
    for kind, file in (("cyclonedx", "sbom.cdx.json"), ("in-toto", "provenance.intoto.json")):
        artifact = layout.document(found[f"application/vnd.{kind}+json"])
        assert artifact["subject"]["digest"] == manifest.digest
        assert artifact["artifactType"] == f"application/vnd.{kind}+json"
        assert layout.check_blob(artifact["config"]).read_bytes() == b"{}"
        (layer,) = artifact["layers"]
        content = layout.check_blob(layer).read_bytes()
        assert content == (tmp_path / "out" / file).read_bytes()
        assert layer["annotations"] == {"org.opencontainers.image.title": file}
        created = artifact["annotations"]["org.opencontainers.image.created"]
        assert created == "2024-02-03T04:05:06Z"


def test_nothing_refers_to_another_digest(tmp_path: Path, spec: dict[str, Any]) -> None:
    assert referrers_of(Layout(tmp_path / "layout"), "sha256:00") == []


def test_the_same_again(tmp_path: Path, spec: dict[str, Any]) -> None:
    """Into a layout that has them, and into one that has not."""
    assert attest(tmp_path, spec) == 0
    first = {
        path.relative_to(tmp_path): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert attest(tmp_path, spec) == 0
    assert {path: (tmp_path / path).read_bytes() for path in first} == first
    shutil.copytree(tmp_path / "out" / "oci", tmp_path / "layout", dirs_exist_ok=True)
    assert attest(tmp_path, spec) == 0
    assert {path: (tmp_path / path).read_bytes() for path in first} == first
    attach(Layout(tmp_path / "layout"), [])
    assert len(Layout(tmp_path / "layout").index["manifests"]) == 4


def test_an_image_that_is_not_what_is_locked(
    tmp_path: Path, spec: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    image(tmp_path / "other", ours={**ours(), **distribution("extra", "1")}, base=base())
    assert attest(tmp_path, {**spec, "layout": str(tmp_path / "other")}) == 1
    error = capsys.readouterr().err
    assert error.startswith("image_attestations: target deploy:oci: image sha256:")
    assert "extra 1 is in the image, but not locked" in error


def test_a_wheel_that_is_locked_too(
    tmp_path: Path, spec: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = tmp_path / "money-1.1-cp312-cp312-linux_x86_64.whl"
    wheel.write_bytes(b"")
    assert attest(tmp_path, {**spec, "wheels": [*spec["wheels"], str(wheel)]}) == 1
    assert f"money is built here ({wheel.name}) and locked too" in capsys.readouterr().err
