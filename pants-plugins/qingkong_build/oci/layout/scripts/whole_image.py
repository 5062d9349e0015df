"""Whether an image of a layout is whole: each blob, and what each layer unpacks to.

Standard library only, and `zstandard` where a layer is in zstd.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import zstd_layer
from oci_layout import Descriptor, ImageManifest, Layout, LayoutError

_GZIP = (
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
_ZSTD = (
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
)
_PLAIN = ("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar")
_BLOCK = 1 << 20
_AGAIN = "Fix: get the layout again from where it was built."


def check_image(layout: Layout, image: ImageManifest) -> None:
    """Raise unless the layout has all that a manifest and its configuration say.

    Raises:
        LayoutError: a blob is missing or another, or a layer unpacks to what is not its diff ID.
    """
    for descriptor, diff_id in layers_of(image):
        for _ in unpacked_blocks(layout, descriptor, diff_id):
            pass


def layers_of(image: ImageManifest) -> list[tuple[Descriptor, str]]:
    """The layers with their diff IDs, lowest first."""
    layers = image.manifest["layers"]
    rootfs = image.config.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    diff_ids = [str(each) for each in found] if isinstance(found, list) else []
    if len(diff_ids) != len(layers):
        raise LayoutError(
            f"image {image.digest} has {len(layers)} layers, but its configuration names "
            f"{len(diff_ids)} 'diff_ids'. {_AGAIN}"
        )
    # As many of both; CPython 3.9, which reads this too, has no `strict`.
    return list(zip(layers, diff_ids))  # noqa: B905


def unpacked_blocks(layout: Layout, descriptor: Descriptor, diff_id: str) -> Iterator[bytes]:
    """The layer's archive without compression.

    Raises:
        LayoutError: after the last block, where it was not what the diff ID says.
    """
    path = layout.check_blob(descriptor)
    kind = descriptor["mediaType"]
    unpacking = f"unpacking layer {descriptor['digest']} of {layout.directory}: mediaType={kind!r}"
    if kind not in (*_GZIP, *_ZSTD, *_PLAIN):
        raise LayoutError(
            f"layer {descriptor['digest']} is of the media type {kind!r}; this reads "
            f"{', '.join((*_PLAIN, *_GZIP, *_ZSTD))}."
        )
    if kind in _ZSTD and not zstd_layer.is_readable():
        raise LayoutError(
            f"{unpacking}: there is no `zstandard` to read it with. Fix: set "
            "[image-zstd].install_from_resolve to a resolve that has it."
        )
    found = hashlib.sha256()
    with _opened(path, kind) as file:
        try:
            while block := file.read(_BLOCK):
                found.update(block)
                yield block
        except (EOFError, OSError, zlib.error) as error:
            raise LayoutError(f"{unpacking}: {error}. {_AGAIN}") from None
    if f"sha256:{found.hexdigest()}" != diff_id:
        raise LayoutError(
            f"layer {descriptor['digest']} unpacks to sha256:{found.hexdigest()}, but the "
            f"configuration's 'diff_ids' say {diff_id}. {_AGAIN}"
        )


def _opened(path: Path, kind: str) -> IO[bytes]:
    if kind in _ZSTD:
        return zstd_layer.opened(path)
    return cast(IO[bytes], gzip.open(path)) if kind in _GZIP else path.open("rb")
