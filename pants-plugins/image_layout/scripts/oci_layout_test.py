"""Layouts that are whole, and each way in which one is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from layout_builder import write_layout
from oci_layout import Layout, LayoutError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    names = ("shop:1", "shop:latest")
    return write_layout(tmp_path, [{"a": "base"}, {"b": "ours"}], {"User": "1:1"}, names=names)


def edit_index(place: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    index = json.loads((place / "index.json").read_text())
    edit(index)
    (place / "index.json").write_text(json.dumps(index))


def blob_of(place: Path, digest: str) -> Path:
    return place / "blobs" / "sha256" / digest.removeprefix("sha256:")


def test_one_image_of_two_names(place: Path) -> None:
    (image,) = Layout(place).images()
    assert image.names == ("shop:1", "shop:latest")
    assert image.platform == "linux/amd64"
    assert image.config["config"] == {"User": "1:1"}


def test_what_refers_to_an_image_is_none(place: Path) -> None:
    (image,) = Layout(place).images()
    document = json.dumps({**image.manifest, "subject": image.descriptor}).encode()
    import hashlib

    digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
    blob_of(place, digest).write_bytes(document)
    descriptor = {**image.descriptor, "digest": digest, "size": len(document)}
    edit_index(place, lambda index: index["manifests"].append(descriptor))
    assert [found.digest for found in Layout(place).images()] == [image.digest]


def test_no_layout(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="is no OCI image layout: it has no file 'oci-layout'"):
        Layout(tmp_path)


def test_no_index(place: Path) -> None:
    (place / "index.json").unlink()
    with pytest.raises(LayoutError, match="no 'index.json'"):
        Layout(place).images()


def test_another_version(place: Path) -> None:
    (place / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')
    with pytest.raises(LayoutError, match="'imageLayoutVersion' is '2.0.0'"):
        Layout(place)


def test_no_json(place: Path) -> None:
    (place / "index.json").write_text("{")
    with pytest.raises(LayoutError, match="index.json is no JSON document"):
        Layout(place).images()


def test_no_image(place: Path) -> None:
    edit_index(place, lambda index: index["manifests"].clear())
    with pytest.raises(LayoutError, match="holds no image"):
        Layout(place).images()


def test_unknown_manifest(place: Path) -> None:
    edit_index(place, lambda index: index["manifests"][0].update(mediaType="text/plain"))
    with pytest.raises(LayoutError, match="a manifest of the media type 'text/plain'"):
        Layout(place).images()


def test_bad_digest(place: Path) -> None:
    edit_index(place, lambda index: index["manifests"][0].update(digest="sha256:../../x"))
    with pytest.raises(LayoutError, match="descriptor with the digest 'sha256:../../x'"):
        Layout(place).images()


def test_missing_blob(place: Path) -> None:
    (image,) = Layout(place).images()
    blob_of(place, image.manifest["config"]["digest"]).unlink()
    with pytest.raises(LayoutError, match=f"no blob {image.manifest['config']['digest']}"):
        Layout(place).images()


def test_changed_blob(place: Path) -> None:
    (image,) = Layout(place).images()
    path = blob_of(place, image.digest)
    path.write_bytes(path.read_bytes().replace(b"schemaVersion", b"SchemaVersion"))
    with pytest.raises(LayoutError, match=f"blob {image.digest}.* holds sha256:"):
        Layout(place).images()
