"""Sign the images of an OCI layout and what is said of them, as cosign does.

A signature is of cosign's "simple signing" document, which names the image's digest. It becomes
the manifest `sha256-<digest>.sig`. The bill of materials and the provenance become in-toto
statements in DSSE envelopes, all in the manifest `sha256-<digest>.att`. Cosign looks for both names
in a registry; both manifests have the image as their `subject`, so that they are referrers too.

Standard library only.
"""

from __future__ import annotations

from typing import Any

import dsse
import statements
from attest_error import refusal
from oci_layout import Descriptor, Layout, parse_object
from referrers import MANIFEST, REF_NAME, Referrer, attach, describe, document, plain, referrer
from signer import sign
from subjects import PAYLOAD, SIGNATURE, Referring, Subject, referring, subjects
from whole_image import check_image

# How cosign calls a signature that is stored as a referrer.
_SIGNATURE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
# What cosign writes where the time is unknown.
_NO_TIME = "0001-01-01T00:00:00Z"


def sign_layout(layout: Layout, name: str | None, command: str) -> list[str]:
    """Sign all images of a layout, and say what was signed.

    Args:
        layout: is as it was where signing fails.
        name: the reference that is claimed; by default the layout's own, for each image.
        command: signs its standard input.

    Raises:
        AttestError: what is to be signed is not what it says, or the command made no signature.
        LayoutError: the layout is not whole.
    """
    known = subjects(layout)
    refers = list(referring(layout, known))
    for subject in known:
        if subject.image is not None:
            check_image(layout, subject.image)
    # All of them, before the first is stored.
    made: list[Referrer] = []
    lines = []
    for subject in known:
        claims = [
            _statement(layout, one)
            for one in refers
            if one.subject == subject and one.kind in (statements.BILL_TYPE, statements.MEDIA_TYPE)
        ]
        made.append(_signature(subject, name, command))
        if claims:
            made.append(_attestations(subject, claims, command))
        types = [statements.ATTESTED.get(each, each) for each, _ in claims]
        lines.append(
            f"signed {subject.digest} ({', '.join(subject.names)}): {', '.join(['image', *types])}"
        )
    attach(layout, made)
    return lines


def payload(name: str, digest: str) -> bytes:
    """What is signed of an image."""
    return document(
        {
            "critical": {
                "identity": {"docker-reference": name},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
    )


def _signature(subject: Subject, claimed: str | None, command: str) -> Referrer:
    name = claimed or (subject.names[0] if subject.names else "")
    if not name:
        why = f"the layout has no name for image {subject.digest}"
        raise refusal("signing", "--name", claimed, why, "give the reference that is claimed")
    content = payload(name, subject.digest)
    layer = {**describe(content, PAYLOAD), "annotations": {SIGNATURE: sign(content, command)}}
    return _stored(subject, [(layer, content)], ".sig", _SIGNATURE_ARTIFACT)


def _statement(layout: Layout, one: Referring) -> tuple[str, bytes]:
    """The predicate type of what a document claims, and the statement that is signed for it."""
    (layer,) = one.layers
    content = layout.content(layer)
    found = parse_object(content, f"document {layer['digest']}")
    if one.kind == statements.BILL_TYPE:
        made = statements.about(one.subject.digest, one.subject.names, statements.BILL, found)
        return statements.BILL, document(made)
    wrong = statements.misfit(found, one.subject.digest)
    if wrong:
        raise refusal(f"signing document {layer['digest']}", *wrong, "build the layout again")
    # To the letter: what is published is what is signed.
    return found["predicateType"], content


def _attestations(subject: Subject, claims: list[tuple[str, bytes]], command: str) -> Referrer:
    layers = []
    for predicate_type, content in claims:
        signature = sign(dsse.pae(statements.MEDIA_TYPE, content), command)
        envelope = document(dsse.seal(statements.MEDIA_TYPE, content, signature))
        notes = {SIGNATURE: "", "predicateType": predicate_type}
        layers.append(({**describe(envelope, dsse.MEDIA_TYPE), "annotations": notes}, envelope))
    return _stored(subject, layers, ".att", dsse.MEDIA_TYPE)


def _stored(
    subject: Subject, layers: list[tuple[Descriptor, bytes]], suffix: str, kind: str
) -> Referrer:
    """The manifest that cosign looks for by a name made of the image's digest."""
    config = document(
        {
            "architecture": "",
            "config": {},
            "created": _NO_TIME,
            "history": [{"created": _NO_TIME} for _ in layers],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer, _ in layers]},
        }
    )
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": describe(config, _CONFIG),
        "layers": [layer for layer, _ in layers],
        "subject": plain(subject.descriptor),
    }
    tag = f"{subject.digest.replace(':', '-')}{suffix}"
    return referrer(
        manifest,
        [config, *(content for _, content in layers)],
        {"artifactType": kind, "annotations": {REF_NAME: tag}},
    )
