"""Read an OCI image layout (OCI image specification 1.1) from disk. Standard library only.

Every blob is checked against the digest and the size that its descriptor states before anything
in it is believed, and every document for its form. A layout may come from anywhere: whatever its
digests and links say, nothing outside its directory is read.
"""

from __future__ import annotations

import hashlib
import json
import os
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
# What is read into memory at once. Registries take manifests of 4 MiB; a bill of materials may be
# larger.
_LARGEST_DOCUMENT = 4 << 20
_LARGEST_CONTENT = 64 << 20
_BLOCK = 1 << 20
_AGAIN = "Fix: get the layout again from where it was built."

Descriptor = dict[str, Any]


class LayoutError(Exception):
    """What is wrong with a layout: where, which value, and the fix."""


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
        version = parse_object(self._read(marker), str(marker)).get("imageLayoutVersion")
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
        document = parse_object(self._read(path), str(path))
        _check_descriptors(document, "manifests", str(path))
        return document

    def blob_path(self, descriptor: Descriptor) -> Path:
        """Where the blob of `descriptor` is."""
        digest = str(descriptor.get("digest"))
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise LayoutError(
                f"{self.directory} has a descriptor with the digest {digest!r}; this reads "
                "'sha256:' and 64 lowercase hex digits."
            )
        path = self.directory / "blobs" / "sha256" / digest.removeprefix("sha256:")
        self._refuse_links(path)
        if not path.is_file():
            raise LayoutError(
                f"{self.directory} has no blob {digest}, which a "
                f"descriptor of the type {descriptor.get('mediaType')!r} names. {_AGAIN}"
            )
        return path

    def check_blob(self, descriptor: Descriptor) -> Path:
        """Where the blob is, once its bytes are what the descriptor says."""
        path = self.blob_path(descriptor)
        stated, size = descriptor.get("size"), path.stat().st_size
        where = f"blob {descriptor['digest']} of {self.directory}, {stated} bytes,"
        # Not read if it is too long: what follows the blob has no end that anyone promised.
        if size != stated:
            raise LayoutError(f"{where} holds {size} bytes. {_AGAIN}")
        found = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
        if f"sha256:{found.hexdigest()}" != descriptor["digest"]:
            raise LayoutError(f"{where} holds sha256:{found.hexdigest()}. {_AGAIN}")
        return path

    def content(self, descriptor: Descriptor, most: int = _LARGEST_CONTENT) -> bytes:
        """A blob of at most so many bytes, once it is what the descriptor says."""
        size = descriptor.get("size")
        if not isinstance(size, int) or size > most:
            raise LayoutError(
                f"reading blob {descriptor.get('digest')!r} of {self.directory}: size={size!r}: it "
                f"may have at most {most} bytes. {_AGAIN}"
            )
        return self.check_blob(descriptor).read_bytes()

    def document(self, descriptor: Descriptor) -> dict[str, Any]:
        """A blob that is JSON: a manifest, an index, a configuration."""
        digest = str(descriptor.get("digest"))
        document = parse_object(self.content(descriptor, _LARGEST_DOCUMENT), digest)
        stated = document.get("mediaType", descriptor.get("mediaType"))
        if stated != descriptor.get("mediaType"):
            raise LayoutError(
                f"reading {digest} of {self.directory}: mediaType={stated!r}: its descriptor says "
                f"{descriptor.get('mediaType')!r}. {_AGAIN}"
            )
        return document

    def manifest(self, descriptor: Descriptor) -> dict[str, Any]:
        """A manifest of the form that the specification gives it."""
        digest = str(descriptor.get("digest"))
        document = self.document(descriptor)
        _check_descriptors(document, "layers", f"manifest {digest}")
        _check_descriptor(document.get("config"), "config", f"manifest {digest}")
        if "subject" in document:
            _check_descriptor(document["subject"], "subject", f"manifest {digest}")
        return document

    def manifests(self) -> Iterator[tuple[Descriptor, dict[str, Any], str | None]]:
        """Every manifest with its document and its name, those in indexes within the index too."""
        for descriptor, name in self._manifests(self.index, None, 0):
            yield descriptor, self.manifest(descriptor), name

    def images(self) -> tuple[ImageManifest, ...]:
        """Each image once, whatever number of names it has; what refers to one is left out."""
        names: dict[str, set[str]] = {}
        found: dict[str, tuple[Descriptor, dict[str, Any]]] = {}
        for descriptor, manifest, name in self.manifests():
            if is_artifact(manifest):
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
        for descriptor in index["manifests"]:
            annotations = descriptor.get("annotations") or {}
            own = annotations.get("org.opencontainers.image.ref.name") or name
            kind = descriptor.get("mediaType")
            if kind in INDEX_TYPES:
                nested = self.document(descriptor)
                _check_descriptors(nested, "manifests", f"index {descriptor['digest']}")
                yield from self._manifests(nested, own, depth + 1)
            elif kind in MANIFEST_TYPES:
                yield descriptor, own
            else:
                raise LayoutError(
                    f"{self.directory} has a manifest of the media type {kind!r}; this reads "
                    f"{', '.join((*MANIFEST_TYPES, *INDEX_TYPES))}."
                )

    def _read(self, path: Path) -> bytes:
        """A file beside the blobs."""
        self._refuse_links(path)
        size = path.stat().st_size
        if size > _LARGEST_DOCUMENT:
            raise LayoutError(
                f"reading {path}: size={size}: it may have at most {_LARGEST_DOCUMENT} bytes. "
                f"{_AGAIN}"
            )
        return path.read_bytes()

    def _refuse_links(self, path: Path) -> None:
        for place in (path, *path.parents):
            if place == self.directory:
                return
            if place.is_symlink():
                raise LayoutError(
                    f"reading {self.directory}: {place.relative_to(self.directory)} is a link to "
                    f"{os.readlink(place)!r}: a layout has files and directories only. {_AGAIN}"
                )


def is_artifact(manifest: dict[str, Any]) -> bool:
    """Whether it is no image: a bill of materials, a signature, an attestation."""
    return (
        "subject" in manifest
        or "artifactType" in manifest
        or manifest["config"]["mediaType"] not in CONFIG_TYPES
        or not all("tar" in layer["mediaType"] for layer in manifest["layers"])
    )


def parse_object(content: bytes, origin: str) -> dict[str, Any]:
    """A JSON object that every reader reads alike: in UTF-8, no name twice, nothing behind it.

    Raises:
        LayoutError: it is none; `origin` names it.
    """
    try:
        document = json.loads(
            content.decode(), object_pairs_hook=_each_name_once, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{origin} is no JSON document: {error}") from None
    if not isinstance(document, dict):
        raise LayoutError(f"{origin} is JSON, but no object: {type(document).__name__}")
    return document


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise ValueError(f"it has {name!r} twice")
        document[name] = value
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it has {name}")


def _check_descriptors(document: dict[str, Any], field: str, where: str) -> None:
    found = document.get(field)
    if not isinstance(found, list):
        raise LayoutError(f"reading {where}: {field}={found!r}: it has to be a list. {_AGAIN}")
    for number, descriptor in enumerate(found):
        _check_descriptor(descriptor, f"{field}[{number}]", where)


def _check_descriptor(found: object, field: str, where: str) -> None:
    """Raise unless it is a descriptor; its digest is judged where the blob is looked for."""
    if not isinstance(found, dict):
        raise LayoutError(f"reading {where}: {field}={found!r}: it has to be an object. {_AGAIN}")
    for name, kind in (("mediaType", str), ("digest", str), ("size", int)):
        value = found.get(name)
        # A truth value is an integer to Python.
        if not isinstance(value, kind) or isinstance(value, bool):
            raise LayoutError(
                f"reading {where}: {field}.{name}={value!r}: it has to be "
                f"{'a number' if kind is int else 'a text'}. {_AGAIN}"
            )
    notes = found.get("annotations") or {}
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise LayoutError(
            f"reading {where}: {field}.annotations={notes!r}: they have to be texts by name. "
            f"{_AGAIN}"
        )
