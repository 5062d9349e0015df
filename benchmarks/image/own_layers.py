"""The layers of an `oci_image` above its base, read from its layout."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BASE_LAYERS = "io.qingkong.image.base-layers"


def own_layers(layout: Path) -> Iterator[tuple[str, bytes]]:
    """Name and tar of each, the lowest first, of an image for one platform with gzip.

    Raises:
        OSError, KeyError, ValueError: it is no layout of such an image.
    """

    def blob(descriptor: dict[str, Any]) -> bytes:
        return layout.joinpath("blobs", *str(descriptor["digest"]).split(":")).read_bytes()

    index = json.loads((layout / "index.json").read_bytes())
    manifest = json.loads(blob(index["manifests"][0]))
    base = int(manifest["annotations"][_BASE_LAYERS])
    history = json.loads(blob(manifest["config"]))["history"]
    for step, descriptor in zip(history[base:], manifest["layers"][base:], strict=True):
        yield step["created_by"], gzip.decompress(blob(descriptor))
