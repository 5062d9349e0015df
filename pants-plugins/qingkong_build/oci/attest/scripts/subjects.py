"""What of a layout is signed, and what refers to it. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from attest_error import AttestError, refusal
from dsse import MEDIA_TYPE as ENVELOPE
from oci_layout import INDEX_TYPES, Descriptor, ImageManifest, Layout, is_artifact
from referrers import REF_NAME, plain
from statements import BILL_TYPE, MEDIA_TYPE

# cosign's "simple signing" document, and where it has the signature of it.
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_DOCUMENTS = (BILL_TYPE, MEDIA_TYPE)


@dataclass(frozen=True)
class Subject:
    """An image, or the index of the images of one name for several platforms.

    Attributes:
        descriptor: of its manifest.
        names: what the layout calls it; none is possible.
        image: None for an index.
    """

    descriptor: Descriptor
    names: tuple[str, ...]
    image: ImageManifest | None

    @property
    def digest(self) -> str:
        return str(self.descriptor["digest"])


@dataclass(frozen=True)
class Referring:
    """A manifest that refers to a subject; `kind` is the media type of its layers, which are alike:
    `PAYLOAD`, an envelope's, or that of a document."""

    subject: Subject
    digest: str
    manifest: dict[str, Any]
    kind: str

    @property
    def layers(self) -> list[Descriptor]:
        layers: list[Descriptor] = self.manifest["layers"]
        return layers


def subjects(layout: Layout) -> list[Subject]:
    """Every image, and every index that `index.json` names."""
    names: dict[str, set[str]] = {}
    indexes: dict[str, Descriptor] = {}
    for descriptor in layout.index["manifests"]:
        if descriptor["mediaType"] in INDEX_TYPES:
            indexes.setdefault(descriptor["digest"], descriptor)
            name = (descriptor.get("annotations") or {}).get(REF_NAME)
            names.setdefault(descriptor["digest"], set()).update([name] if name else [])
    return [
        *(Subject(image.descriptor, image.names, image) for image in layout.images()),
        *(Subject(one, tuple(sorted(names[digest])), None) for digest, one in indexes.items()),
    ]


def referring(layout: Layout, known: list[Subject]) -> Iterator[Referring]:
    """All that refers to subjects, each once.

    Raises:
        AttestError: a manifest is neither an image nor refers to one, or holds what is not known.
    """
    by_digest = {subject.digest: subject for subject in known}
    seen: set[str] = set()
    for descriptor, manifest, _ in layout.manifests():
        digest = str(descriptor["digest"])
        if digest in seen or not is_artifact(manifest):
            continue
        seen.add(digest)
        yield Referring(
            _subject(digest, manifest, by_digest), digest, manifest, _kind(digest, manifest)
        )


def _subject(digest: str, manifest: dict[str, Any], known: dict[str, Subject]) -> Subject:
    stated = manifest.get("subject")
    if stated is None:
        why = "the manifest is no image and refers to none"
        raise _unknown(digest, "subject", None, why)
    subject = known.get(stated["digest"])
    if subject is None:
        why = f"the layout holds no such image; it holds {', '.join(sorted(known))}"
        raise _unknown(digest, "subject.digest", stated["digest"], why)
    if plain(stated) != plain(subject.descriptor):
        why = f"the index describes the image as {plain(subject.descriptor)}"
        raise _unknown(digest, "subject", plain(stated), why)
    return subject


def _kind(digest: str, manifest: dict[str, Any]) -> str:
    kinds = {layer["mediaType"] for layer in manifest["layers"]}
    if len(kinds) == 1:
        (kind,) = kinds
        if kind in (PAYLOAD, ENVELOPE) or (kind in _DOCUMENTS and len(manifest["layers"]) == 1):
            return str(kind)
    why = f"known are signatures ({PAYLOAD}), attestations ({ENVELOPE}), and {_DOCUMENTS} alone"
    raise _unknown(digest, "layers.mediaType", sorted(kinds), why)


def _unknown(digest: str, field: str, value: object, why: str) -> AttestError:
    fix = "take it out of the layout, or build the layout again"
    return refusal(f"reading referrer {digest}", field, value, why, fix)
