"""The image that is assembled without an engine is the one in the engine."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from docker.models.images import Image

from image.engine import BOTH_NAMES, FRAMEWORK, Engine

LAYOUT = Path("deploy/oci")
ARCHIVE = Path("deploy/oci.tar")


def document(digest: str) -> Any:
    return json.loads(blob(digest).read_text(encoding="utf-8"))


def blob(digest: str) -> Path:
    return LAYOUT / "blobs" / digest.replace(":", "/")


@pytest.fixture(scope="module")
def manifest() -> Any:
    """The one manifest that all names of the layout stand for."""
    index = json.loads((LAYOUT / "index.json").read_text(encoding="utf-8"))
    (digest,) = {each["digest"] for each in index["manifests"]}
    return document(digest)


def test_it_is_the_image_of_the_engine(manifest: Any, image: Image) -> None:
    assert manifest["config"]["digest"] == image.id
    diff_ids = document(manifest["config"]["digest"])["rootfs"]["diff_ids"]
    assert diff_ids == image.attrs["RootFS"]["Layers"]
    assert len(manifest["layers"]) == len(diff_ids)


def test_every_blob_is_what_it_is_named(manifest: Any) -> None:
    named = {each["digest"]: each["size"] for each in (manifest["config"], *manifest["layers"])}
    for digest, size in named.items():
        content = blob(digest).read_bytes()
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
        assert len(content) == size
    # And no blob exists that nothing names.
    assert len(list((LAYOUT / "blobs" / "sha256").iterdir())) == len(named) + 1


def test_the_layers_unpack_to_what_their_ids_say(manifest: Any) -> None:
    diff_ids = document(manifest["config"]["digest"])["rootfs"]["diff_ids"]
    for layer, diff_id in zip(manifest["layers"], diff_ids, strict=True):
        unpacked = subprocess.run(
            ["gzip", "-dc", blob(layer["digest"])], capture_output=True, check=True
        ).stdout
        assert f"sha256:{hashlib.sha256(unpacked).hexdigest()}" == diff_id


def test_an_engine_loads_the_archive_under_both_names(engine: Engine, image: Image) -> None:
    with ARCHIVE.open("rb") as file:
        loaded = engine.client.images.load(file)
    assert {each.id for each in loaded} == {image.id}
    assert set(BOTH_NAMES) <= set(loaded[0].tags)


@pytest.mark.parametrize(
    "source", [f"oci:{LAYOUT}:{FRAMEWORK}", f"oci-archive:{ARCHIVE}:{FRAMEWORK}"]
)
def test_other_tools_read_it(source: str, manifest: Any) -> None:
    told = subprocess.run(
        ["skopeo", "inspect", source], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    described = json.loads(told.stdout)
    assert described["Layers"] == [each["digest"] for each in manifest["layers"]]
    assert described["Architecture"] == "amd64"


def test_an_archive_for_docker_is_in_it_too(manifest: Any) -> None:
    with tarfile.open(ARCHIVE) as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        (listed,) = json.load(member)
        names = set(archive.getnames())
    assert set(listed["RepoTags"]) == set(BOTH_NAMES)
    assert {listed["Config"], *listed["Layers"]} <= names
    told = subprocess.run(
        ["skopeo", "inspect", f"docker-archive:{ARCHIVE}"], capture_output=True, check=True
    )
    assert len(json.loads(told.stdout)["Layers"]) == len(manifest["layers"])
