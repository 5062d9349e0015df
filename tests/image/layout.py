"""An OCI image layout as `pants package` writes it: which layers are ours, without an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: How many layers of the manifest are the base's.
_BASE_LAYERS = "io.qingkong.image.base-layers"


def own_layers(layout: Path) -> dict[str, Path]:
    """The packed tar of each layer above the base, the lowest first.

    By the name that the history has for it, e.g. `deploy/system` for `layer deploy/system.tar`.
    """

    def document(digest: str) -> Any:
        return json.loads(blob(digest).read_text(encoding="utf-8"))

    def blob(digest: str) -> Path:
        return layout / "blobs" / digest.replace(":", "/")

    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    (digest,) = {each["digest"] for each in index["manifests"]}
    manifest = document(digest)
    base = int(manifest["annotations"][_BASE_LAYERS])
    steps = document(manifest["config"]["digest"])["history"][base:]
    return {
        step["created_by"].removeprefix("layer ").removesuffix(".tar"): blob(layer["digest"])
        for step, layer in zip(steps, manifest["layers"][base:], strict=True)
    }
