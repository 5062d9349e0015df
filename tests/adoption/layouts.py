"""What is in an OCI layout."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Image:
    """The one image of a layout.

    Attributes:
        image_id: the digest of its configuration, which is what engines call it.
        config: that configuration.
        layers: digest and files of each layer above the base, by what made it.
    """

    image_id: str
    config: dict[str, Any]
    layers: dict[str, tuple[str, frozenset[str]]]


def read_image(layout: Path, base_layers: int = 1) -> Image:
    """Read the image of `layout`, whose base has that many layers."""

    def blob(digest: str) -> Path:
        return layout / "blobs" / digest.replace(":", "/")

    (described,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads(blob(described["digest"]).read_text())
    config = json.loads(blob(manifest["config"]["digest"]).read_text())
    layers = {}
    steps = zip(config["history"], manifest["layers"], strict=True)
    for step, layer in list(steps)[base_layers:]:
        with tarfile.open(blob(layer["digest"])) as archive:
            names = frozenset(member.name for member in archive if member.isfile())
        made_by = step["created_by"].removeprefix("layer ").removesuffix(".tar")
        layers[made_by] = (layer["digest"], names)
    return Image(manifest["config"]["digest"], config, layers)


def layer(image: Image, ending: str) -> tuple[str, frozenset[str]]:
    """Digest and files of the one layer whose name ends so."""
    (found,) = (value for name, value in image.layers.items() if name.endswith(ending))
    return found


def attested(place: Path) -> tuple[set[str], dict[str, Any]]:
    """What the bill of materials lists, by name, and the provenance's statement."""
    bill = json.loads((place / "sbom.cdx.json").read_text())
    statement = json.loads((place / "provenance.intoto.json").read_text())
    return {component["name"] for component in bill["components"]}, statement
