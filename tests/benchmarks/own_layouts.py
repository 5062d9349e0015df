"""Layouts of images whose layers a test makes."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any


def layout(folder: Path, *layers: bytes) -> Path:
    """A layout of an image whose first layer is its base; they are called layer 0, layer 1, ..."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes) -> dict[str, str]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}"}

    history = [{"created_by": f"layer {number}"} for number, _ in enumerate(layers)]
    manifest: dict[str, Any] = {
        "config": blob(json.dumps({"history": history}).encode()),
        "layers": [blob(gzip.compress(layer, mtime=0)) for layer in layers],
        "annotations": {"io.qingkong.image.base-layers": "1"},
    }
    index = {"manifests": [blob(json.dumps(manifest).encode())]}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder
