"""What refers to an image in an OCI layout: artifacts with a `subject` (OCI 1.1)."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from oci_layout import Descriptor, Layout

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_TITLE = "org.opencontainers.image.title"
_CREATED = "org.opencontainers.image.created"
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True)
class Referrer:
    """An artifact.

    Attributes:
        descriptor: of its manifest, as an index has it.
        blobs: everything that has to be stored for it, the manifest too, by digest.
    """

    descriptor: Descriptor
    blobs: Mapping[str, bytes] = field(repr=False)


def describe(content: bytes, media_type: str) -> Descriptor:
    """The descriptor of a blob."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def document(content: object) -> bytes:
    """JSON, the same bytes for the same content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def artifact(
    subject: Descriptor,
    content: bytes,
    media_type: str,
    title: str,
    created: datetime,
    annotations: Mapping[str, str] | None = None,
) -> Referrer:
    """A file that refers to the image whose manifest `subject` describes."""
    notes = {_CREATED: created.strftime("%Y-%m-%dT%H:%M:%SZ"), **(annotations or {})}
    layer = {**describe(content, media_type), "annotations": {_TITLE: title}}
    empty = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": media_type,
        "config": {**describe(empty, _EMPTY), "data": "e30="},
        "layers": [layer],
        "subject": plain(subject),
        "annotations": notes,
    }
    return referrer(manifest, [content, empty], {"artifactType": media_type, "annotations": notes})


def referrer(
    manifest: Mapping[str, Any], contents: Iterable[bytes], more: Mapping[str, Any]
) -> Referrer:
    """A manifest with what it is made of; `more` is what the index says of it besides."""
    raw = document(manifest)
    descriptor = describe(raw, MANIFEST)
    blobs = {describe(content, "")["digest"]: content for content in (raw, *contents)}
    return Referrer({**descriptor, **more}, blobs)


def index_with(index: Mapping[str, Any], referrers: Iterable[Referrer]) -> bytes:
    """`index.json` with these referrers, once each; one of the same name takes another's place."""
    added = [one.descriptor for one in referrers]
    names = {_name(descriptor) for descriptor in added} - {""}
    digests = {descriptor["digest"] for descriptor in added}
    kept = [
        descriptor
        for descriptor in index["manifests"]
        if descriptor["digest"] not in digests and _name(descriptor) not in names
    ]
    return document({**index, "manifests": [*kept, *added]})


def attach(layout: Layout, referrers: Iterable[Referrer]) -> None:
    """Store referrers in a layout, the index last: it never names what is not stored."""
    every = list(referrers)
    blobs = layout.directory / "blobs" / "sha256"
    for one in every:
        for digest, content in one.blobs.items():
            _put(blobs / digest.removeprefix("sha256:"), content)
    _put(layout.directory / "index.json", index_with(layout.index, every))


def _put(path: Path, content: bytes) -> None:
    """Write a file at once, in place of what is there: a link would be written through."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def referrers_of(layout: Layout, digest: str) -> list[Descriptor]:
    """Descriptors of what refers to an image, as a registry's referrers API would list them.

    To push them: for each, the blobs of its manifest's `config` and `layers`, then the manifest
    by its digest, and by its name too where its annotations have one.
    """
    return [
        descriptor
        for descriptor in layout.index["manifests"]
        if descriptor["mediaType"] == MANIFEST
        and layout.manifest(descriptor).get("subject", {}).get("digest") == digest
    ]


def write_blobs(directory: Path, referrers: Iterable[Referrer]) -> None:
    """Write the blobs alone, to be put into a layout that this one may not change."""
    directory.mkdir(parents=True, exist_ok=True)
    for one in referrers:
        for digest, content in one.blobs.items():
            (directory / digest.removeprefix("sha256:")).write_bytes(content)


def _name(descriptor: Descriptor) -> str:
    return str((descriptor.get("annotations") or {}).get(REF_NAME, ""))


def plain(descriptor: Descriptor) -> Descriptor:
    """What identifies a blob, without what an index says of it besides."""
    return {key: descriptor[key] for key in ("mediaType", "digest", "size")}
