"""Layouts that are whole, and each way in which one is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from layout_builder import write_layout
from oci_layout import INDEX_TYPES, Layout, LayoutError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    names = ("shop:1", "shop:latest")
    return write_layout(
        tmp_path / "layout", [{"a": "base"}, {"b": "ours"}], {"User": "1:1"}, names=names
    )


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


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b'{"manifests": [], "manifests": []}', "it has 'manifests' twice"),
        (b'{"manifests": [NaN]}', "it has NaN"),
        (b'{"manifests": []} {}', "is no JSON document"),
        (b"\xff\xfe{\x00}\x00", "is no JSON document"),
        (b"[" * 200_000, "is no JSON document"),
        (b"[]", "is JSON, but no object: list"),
        (b"{}", "manifests=None"),
        (b'{"manifests": ["x"]}', "manifests[0]='x'"),
        (b'{"manifests": [{"digest": "x"}]}', "manifests[0].mediaType=None"),
        (b'{"manifests": [{"mediaType": "a", "digest": 1}]}', "manifests[0].digest=1"),
        (
            b'{"manifests": [{"mediaType": "a", "digest": "b", "size": true}]}',
            "manifests[0].size=True",
        ),
        (
            b'{"manifests": [{"mediaType": "a", "digest": "b", "size": 1, "annotations": [1]}]}',
            "manifests[0].annotations=[1]",
        ),
    ],
)
def test_hostile_index(place: Path, content: bytes, part: str) -> None:
    (place / "index.json").write_bytes(content)
    with pytest.raises(LayoutError) as error:
        Layout(place).images()
    assert str(place / "index.json") in str(error.value)
    assert part in str(error.value)


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        ({"config": None}, "config=None"),
        ({"layers": {}}, "layers={}"),
        ({"subject": "x"}, "subject='x'"),
    ],
)
def test_hostile_manifest(place: Path, edit: dict[str, Any], part: str) -> None:
    (image,) = Layout(place).images()
    content = json.dumps({**image.manifest, **edit}).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    blob_of(place, digest).write_bytes(content)
    change = {"digest": digest, "size": len(content)}
    edit_index(place, lambda index: index.update(manifests=[{**image.descriptor, **change}]))
    with pytest.raises(LayoutError) as error:
        Layout(place).images()
    assert f"manifest {digest}: {part}" in str(error.value)


def test_another_media_type(place: Path) -> None:
    edit_index(place, lambda index: index["manifests"][0].update(mediaType=INDEX_TYPES[0]))
    content = {"mediaType": "text/plain", "manifests": []}
    raw = json.dumps(content).encode()
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    blob_of(place, digest).write_bytes(raw)
    edit_index(place, lambda index: index["manifests"][0].update(digest=digest, size=len(raw)))
    with pytest.raises(LayoutError, match=f"{digest}.* mediaType='text/plain'"):
        Layout(place).images()


def test_a_size_that_is_wrong(place: Path) -> None:
    (image,) = Layout(place).images()
    path = blob_of(place, image.digest)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(LayoutError, match=f"blob {image.digest}.* holds {path.stat().st_size} b"):
        Layout(place).images()


def test_a_document_that_is_too_large(place: Path) -> None:
    """Sizes are judged before anything is read."""
    edit_index(place, lambda index: index["manifests"][0].update(size=1 << 40))
    with pytest.raises(LayoutError, match=f"size={1 << 40}: it may have at most"):
        Layout(place).images()
    with (place / "index.json").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(LayoutError, match=f"index.json: size={1 << 30}"):
        Layout(place).images()


@pytest.mark.parametrize("name", ["index.json", "oci-layout", "blobs", "blobs/sha256"])
def test_links(place: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    (place / name).rename(outside)
    (place / name).symlink_to(outside)
    with pytest.raises(LayoutError, match=f"{name} is a link to '{outside}'"):
        Layout(place).images()
