"""Verify the images of an OCI layout and all that is said of them.

Nothing is believed before its signature is verified, and no layer is unpacked before that. Each
signature has to be by one of the keys that are given: there is none that does not count.

Standard library only.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dsse
import statements
from attest_error import refusal
from oci_layout import Descriptor, Layout, parse_object
from public_key import PublicKey
from referrers import document
from subjects import PAYLOAD, SIGNATURE, Referring, Subject, referring, subjects
from whole_image import check_image

_CLAIM = "cosign container image signature"
_AGAIN = "sign the image again, or get the layout again from where it was signed"


@dataclass
class _Verified:
    """What is known to be said of one subject by who has the key."""

    names: set[str] = field(default_factory=set)
    # By predicate type, the payloads.
    claims: dict[str, list[bytes]] = field(default_factory=dict)
    documents: list[bytes] = field(default_factory=list)

    @property
    def contents(self) -> list[bytes]:
        return [*self.documents, *(each for found in self.claims.values() for each in found)]


def verify_layout(
    layout: Layout,
    keys: Sequence[PublicKey],
    *,
    name: str | None = None,
    files: Sequence[Path] = (),
    needs_attestations: bool = True,
) -> list[str]:
    """Verify every image of a layout, and say what was verified.

    Args:
        layout: where they are.
        keys: by one of which every signature has to be.
        name: the reference that a signature of each image has to claim.
        files: documents that have to be those that were signed, to the byte.
        needs_attestations: whether each image has to have a bill of materials and a provenance.

    Raises:
        AttestError: something is not signed, or not what was signed.
        LayoutError: the layout is not whole.
    """
    known = subjects(layout)
    verified = {subject.digest: _Verified() for subject in known}
    refers = list(referring(layout, known))
    # Signatures, then what is signed, then what has to be equal to that.
    for kinds, check in (
        ((PAYLOAD,), _check_signatures),
        ((dsse.MEDIA_TYPE,), _check_attestations),
        ((statements.BILL_TYPE, statements.MEDIA_TYPE), _check_document),
    ):
        for one in refers:
            if one.kind in kinds:
                layout.check_blob(one.manifest["config"])
                check(layout, keys, one, verified[one.subject.digest])
    for subject in known:
        _check_complete(subject, verified[subject.digest], name, needs_attestations)
    contents = [content for each in verified.values() for content in each.contents]
    for file in files:
        _check_file(file, contents)
    for subject in known:
        if subject.image is not None:
            check_image(layout, subject.image)
    return [_line(subject, verified[subject.digest]) for subject in known]


def _check_signatures(
    layout: Layout, keys: Sequence[PublicKey], one: Referring, verified: _Verified
) -> None:
    for layer in one.layers:
        what = f"verifying signature {layer['digest']} of image {one.subject.digest}"
        content = layout.content(layer)
        text = (layer.get("annotations") or {}).get(SIGNATURE, "")
        try:
            signature = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            signature = b""
        if not signature:
            raise refusal(what, SIGNATURE, text[:40], "it has to be base64", _AGAIN)
        _check_key(keys, what, content, signature)
        claim = parse_object(content, what)
        verified.names.add(_claimed_name(claim, what, one.subject.digest))


def _claimed_name(claim: dict[str, Any], what: str, digest: str) -> str:
    values = {
        path: _at(claim, path)
        for path in (
            "critical.type",
            "critical.image.docker-manifest-digest",
            "critical.identity.docker-reference",
        )
    }
    kind, image, name = values.items()
    if kind[1] != _CLAIM:
        raise refusal(what, *kind, f"a signature of an image says {_CLAIM!r}", _AGAIN)
    if image[1] != digest:
        raise refusal(what, *image, f"the image is {digest}", _AGAIN)
    if not isinstance(name[1], str):
        raise refusal(what, *name, "it has to be a text", _AGAIN)
    return name[1]


def _at(found: Any, path: str) -> object:
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _check_attestations(
    layout: Layout, keys: Sequence[PublicKey], one: Referring, verified: _Verified
) -> None:
    for layer in one.layers:
        what = f"verifying attestation {layer['digest']} of image {one.subject.digest}"
        envelope = dsse.read_envelope(layout.content(layer), what)
        if envelope.payload_type != statements.MEDIA_TYPE:
            why = f"an attestation has {statements.MEDIA_TYPE!r}"
            raise refusal(what, "payloadType", envelope.payload_type, why, _AGAIN)
        for signature in envelope.signatures:
            _check_key(keys, what, envelope.signed, signature)
        statement = parse_object(envelope.payload, what)
        wrong = statements.misfit(statement, one.subject.digest)
        if wrong:
            raise refusal(what, *wrong, _AGAIN)
        stated = (layer.get("annotations") or {}).get("predicateType", statement["predicateType"])
        if stated != statement["predicateType"]:
            why = f"the statement says {statement['predicateType']!r}"
            raise refusal(what, "annotations.predicateType", stated, why, _AGAIN)
        verified.claims.setdefault(stated, []).append(envelope.payload)


def _check_key(keys: Sequence[PublicKey], what: str, content: bytes, signature: bytes) -> None:
    if not any(key.verifies(content, signature) for key in keys):
        why = "its signature is of other content, or by another key"
        raise refusal(what, "--key", ", ".join(str(key.path) for key in keys), why, _AGAIN)


def _check_document(
    layout: Layout, keys: Sequence[PublicKey], one: Referring, verified: _Verified
) -> None:
    """A document has no signature of its own: an attestation states it."""
    (layer,) = one.layers
    content = layout.content(layer)
    if not _is_stated(layer, content, verified):
        what = f"verifying document {layer['digest']} of image {one.subject.digest}"
        title = (layer.get("annotations") or {}).get("org.opencontainers.image.title")
        why = "no attestation of this image states the same"
        raise refusal(what, "org.opencontainers.image.title", title, why, _AGAIN)
    verified.documents.append(content)


def _is_stated(layer: Descriptor, content: bytes, verified: _Verified) -> bool:
    if layer["mediaType"] == statements.MEDIA_TYPE:
        return any(content in payloads for payloads in verified.claims.values())
    # As bytes: to Python 1, 1.0 and True are equal.
    bill = document(parse_object(content, f"document {layer['digest']}"))
    return any(
        document(parse_object(payload, "payload").get("predicate")) == bill
        for payload in verified.claims.get(statements.BILL, ())
    )


def _check_complete(
    subject: Subject, verified: _Verified, name: str | None, needs_attestations: bool
) -> None:
    what = f"verifying image {subject.digest}"
    if not verified.names:
        raise refusal(what, "signatures", 0, "nothing in the layout signs it", _AGAIN)
    if name is not None and name not in verified.names:
        why = f"its signature claims {', '.join(sorted(verified.names))}"
        raise refusal(what, "--name", name, why, "give the name that was signed")
    # An index says nothing of its own about what is in its images.
    if subject.image is None or not needs_attestations:
        return
    for predicate_type, called in statements.ATTESTED.items():
        if predicate_type not in verified.claims:
            why = f"its {called} is not signed, or missing"
            fix = f"{_AGAIN}; --allow-unattested accepts images without"
            raise refusal(what, "predicateType", predicate_type, why, fix)


def _check_file(path: Path, contents: Sequence[bytes]) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        fix = "give a file that exists"
        raise refusal("verifying", "--document", str(path), str(error), fix) from None
    if content not in contents:
        why = "no attestation in the layout states the same"
        raise refusal("verifying", "--document", str(path), why, "package the documents again")


def _line(subject: Subject, verified: _Verified) -> str:
    if subject.image is None:
        parts = ["index"]
    else:
        parts = [f"{len(subject.image.manifest['layers'])} layers"]
    parts += [statements.ATTESTED.get(each, each) for each in sorted(verified.claims)]
    return f"verified {subject.digest} as {', '.join(sorted(verified.names))}: {', '.join(parts)}"
