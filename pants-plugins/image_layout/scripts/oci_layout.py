"""Read an OCI image layout (OCI image specification 1.1) from disk. Standard library only.

Every blob is checked against the digest and the size that its descriptor states before anything
in it is believed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIG_TYPES = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
# An index inside an index inside an index is a mistake, or meant to never end.
_DEEPEST = 4

Descriptor = dict[str, Any]


class LayoutError(Exception):
    """What is wrong with a layout: where, which value, and the mend."""


@dataclass(frozen=True)
class ImageManifest:
    """One image of a layout, for one platform.

    Attributes:
        descriptor: as the index has it, with media type, digest and size.
        names: what `org.opencontainers.image.ref.name` calls it, sorted; none is possible.
        manifest: the document.
        config: the document that `manifest["config"]` points to.
    """

    descriptor: Descriptor
    names: tuple[str, ...]
    manifest: dict[str, Any]
    config: dict[str, Any]

    @property
    def digest(self) -> str:
        """`sha256:…` of the manifest: what is signed, and what a registry knows it by."""
        return str(self.descriptor["digest"])

    @property
    def platform(self) -> str:
        """`linux/amd64`, or `linux/arm64/v8`."""
        parts = (self.config.get(key) for key in ("os", "architecture", "variant"))
        return "/".join(part for part in parts if part)


class Layout:
    """A directory with `oci-layout`, `index.json` and `blobs/`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        marker = directory / "oci-layout"
        if not marker.is_file():
            raise LayoutError(
                f"{directory} is no OCI image layout: it has no file 'oci-layout'. Name the "
                "directory that holds index.json and blobs/."
            )
        version = _document(marker.read_bytes(), str(marker)).get("imageLayoutVersion")
        if version != "1.0.0":
            raise LayoutError(
                f"{marker} says 'imageLayoutVersion' is {version!r}; this reads '1.0.0'."
            )

    @property
    def index(self) -> dict[str, Any]:
        """The document `index.json`."""
        path = self.directory / "index.json"
        if not path.is_file():
            raise LayoutError(f"{self.directory} is no whole OCI image layout: no 'index.json'.")
        return _document(path.read_bytes(), str(path))

    def blob_path(self, descriptor: Descriptor) -> Path:
        """Where the blob of `descriptor` is."""
        digest = str(descriptor.get("digest"))
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise LayoutError(
                f"{self.directory} has a descriptor with the digest {digest!r}; this reads "
                "'sha256:' and 64 lowercase hex digits."
            )
        path = self.directory / "blobs" / "sha256" / digest.removeprefix("sha256:")
        if not path.is_file():
            raise LayoutError(
                f"{self.directory} has no blob {digest}, which a "
                f"{descriptor.get('mediaType')} descriptor names. Build the layout anew."
            )
        return path

    def check_blob(self, descriptor: Descriptor) -> Path:
        """The same, once its bytes are what the descriptor says."""
        path = self.blob_path(descriptor)
        found = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
        size = path.stat().st_size
        if f"sha256:{found.hexdigest()}" != descriptor["digest"] or size != descriptor.get("size"):
            raise LayoutError(
                f"blob {descriptor['digest']} of {self.directory}, {descriptor.get('size')} bytes, "
                f"holds sha256:{found.hexdigest()}, {size} bytes. Build the layout anew."
            )
        return path

    def document(self, descriptor: Descriptor) -> dict[str, Any]:
        """A blob that is JSON."""
        return _document(self.check_blob(descriptor).read_bytes(), str(descriptor["digest"]))

    def images(self) -> tuple[ImageManifest, ...]:
        """Each image once, whatever number of names it has; what refers to one is left out."""
        names: dict[str, set[str]] = {}
        found: dict[str, tuple[Descriptor, dict[str, Any]]] = {}
        for descriptor, name in self._manifests(self.index, None, 0):
            manifest = self.document(descriptor)
            if _is_artifact(manifest):
                continue
            digest = descriptor["digest"]
            found.setdefault(digest, (descriptor, manifest))
            names.setdefault(digest, set()).update([name] if name else [])
        if not found:
            raise LayoutError(f"{self.directory} holds no image: its index names no manifest.")
        return tuple(
            ImageManifest(
                descriptor,
                tuple(sorted(names[digest])),
                manifest,
                self.document(manifest["config"]),
            )
            for digest, (descriptor, manifest) in found.items()
        )

    def _manifests(
        self, index: dict[str, Any], name: str | None, depth: int
    ) -> Iterator[tuple[Descriptor, str | None]]:
        if depth == _DEEPEST:
            raise LayoutError(
                f"{self.directory} has indexes within indexes, more than {_DEEPEST} deep."
            )
        for descriptor in index.get("manifests", ()):
            annotations = descriptor.get("annotations") or {}
            own = annotations.get("org.opencontainers.image.ref.name") or name
            kind = descriptor.get("mediaType")
            if kind in INDEX_TYPES:
                yield from self._manifests(self.document(descriptor), own, depth + 1)
            elif kind in MANIFEST_TYPES:
                yield descriptor, own
            else:
                raise LayoutError(
                    f"{self.directory} has a manifest of the media type {kind!r}; this reads "
                    f"{', '.join((*MANIFEST_TYPES, *INDEX_TYPES))}."
                )


def _is_artifact(manifest: dict[str, Any]) -> bool:
    """Whether it is no image: a bill of materials, a signature, an attestation."""
    return (
        "subject" in manifest
        or "artifactType" in manifest
        or manifest.get("config", {}).get("mediaType") not in CONFIG_TYPES
        or not all("tar" in layer.get("mediaType", "") for layer in manifest.get("layers", ()))
    )


def _document(content: bytes, origin: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise LayoutError(f"{origin} is no JSON document: {error}") from None
    if not isinstance(document, dict):
        raise LayoutError(f"{origin} is JSON, but no object: {type(document).__name__}")
    return document
