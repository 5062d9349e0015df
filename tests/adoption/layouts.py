"""What is in an OCI layout."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image.layout import own_layers


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


def unpacked(blob: Path) -> bytes:
    """The tar in a layer, whatever it is compressed with."""
    return subprocess.run(
        [*("zstd", "--decompress", "--stdout", "--format=zstd"), blob]
        if blob.read_bytes().startswith(b"\x28\xb5\x2f\xfd")
        else ["gzip", "--decompress", "--stdout", blob],
        capture_output=True,
        check=True,
    ).stdout


def read_image(layout: Path) -> Image:
    """Read the image of `layout`."""

    def document(digest: str) -> Any:
        return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())

    (described,) = json.loads((layout / "index.json").read_text())["manifests"]
    image_id = document(described["digest"])["config"]["digest"]
    layers = {}
    for name, blob in own_layers(layout).items():
        with tarfile.open(fileobj=io.BytesIO(unpacked(blob))) as archive:
            names = frozenset(member.name for member in archive if member.isfile())
        layers[name] = (f"sha256:{blob.name}", names)
    return Image(image_id, document(image_id), layers)


def layer(image: Image, ending: str) -> tuple[str, frozenset[str]]:
    """Digest and files of the one layer whose name ends so."""
    (found,) = (value for name, value in image.layers.items() if name.endswith(ending))
    return found


def attested(place: Path) -> tuple[set[str], dict[str, Any]]:
    """What the bill of materials lists, by name, and the provenance's statement."""
    bill = json.loads((place / "sbom.cdx.json").read_text())
    statement = json.loads((place / "provenance.intoto.json").read_text())
    return {component["name"] for component in bill["components"]}, statement
