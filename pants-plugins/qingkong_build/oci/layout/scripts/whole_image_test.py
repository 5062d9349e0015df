"""Layers that are what they say, and each way in which one is not."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest
import zstandard
import zstd_layer
from layout_builder import write_layout, write_tar
from oci_layout import ImageManifest, Layout, LayoutError
from whole_image import check_image

PLAIN = "application/vnd.oci.image.layer.v1.tar"
ARCHIVE = write_tar({"a": "x"})


def image(place: Path, content: bytes, media_type: str) -> tuple[Layout, ImageManifest]:
    """An image with one layer of this content; its diff ID is that of `ARCHIVE`."""
    layout = Layout(write_layout(place, [{"a": "x"}], {}))
    (found,) = layout.images()
    digest = hashlib.sha256(content).hexdigest()
    (place / "blobs" / "sha256" / digest).write_bytes(content)
    layer: dict[str, Any] = {
        "mediaType": media_type,
        "digest": f"sha256:{digest}",
        "size": len(content),
    }
    found.manifest["layers"] = [layer]
    return layout, found


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (ARCHIVE, PLAIN),
        (gzip.compress(ARCHIVE), f"{PLAIN}+gzip"),
        # Some compress in parts.
        (gzip.compress(ARCHIVE[:700]) + gzip.compress(ARCHIVE[700:]), f"{PLAIN}+gzip"),
        (zstandard.compress(ARCHIVE), f"{PLAIN}+zstd"),
        (zstandard.compress(ARCHIVE[:700]) + zstandard.compress(ARCHIVE[700:]), f"{PLAIN}+zstd"),
        (zstandard.compress(ARCHIVE), "application/vnd.docker.image.rootfs.diff.tar.zstd"),
    ],
)
def test_whole(tmp_path: Path, content: bytes, media_type: str) -> None:
    check_image(*image(tmp_path, content, media_type))


@pytest.mark.parametrize(
    ("content", "media_type", "part"),
    [
        (ARCHIVE + b"x", PLAIN, "unpacks to sha256:"),
        (gzip.compress(ARCHIVE + b"x"), f"{PLAIN}+gzip", "unpacks to sha256:"),
        (gzip.compress(ARCHIVE) + b"x", f"{PLAIN}+gzip", "unpacking layer {digest}"),
        (gzip.compress(ARCHIVE)[:-9], f"{PLAIN}+gzip", "unpacking layer {digest}"),
        (ARCHIVE, f"{PLAIN}+gzip", "unpacking layer {digest}"),
        (zstandard.compress(ARCHIVE + b"x"), f"{PLAIN}+zstd", "unpacks to sha256:"),
        (zstandard.compress(ARCHIVE)[:-9], f"{PLAIN}+zstd", "unpacks to sha256:"),
        (zstandard.compress(ARCHIVE) + b"x", f"{PLAIN}+zstd", "unpacking layer {digest}"),
        (ARCHIVE, f"{PLAIN}+zstd", "unpacking layer {digest}"),
        (ARCHIVE, "text/plain", "layer {digest} is of the media type 'text/plain'"),
    ],
)
def test_not_whole(tmp_path: Path, content: bytes, media_type: str, part: str) -> None:
    layout, found = image(tmp_path, content, media_type)
    with pytest.raises(LayoutError) as error:
        check_image(layout, found)
    assert part.format(digest=found.manifest["layers"][0]["digest"]) in str(error.value)


def test_zstd_without_what_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zstd_layer, "is_readable", lambda: False)
    layout, found = image(tmp_path, zstandard.compress(ARCHIVE), f"{PLAIN}+zstd")
    with pytest.raises(LayoutError) as error:
        check_image(layout, found)
    for part in (found.manifest["layers"][0]["digest"], "+zstd'", "Fix: set [image-zstd]"):
        assert part in str(error.value)
