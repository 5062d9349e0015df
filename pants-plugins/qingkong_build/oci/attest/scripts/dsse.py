"""DSSE envelopes (Dead Simple Signing Envelope 1.0): a payload of a type, and its signatures.

A signature is of the type too (`pae`), so that no payload is taken for one of another type.
Standard library only.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from attest_error import AttestError, refusal
from oci_layout import parse_object

MEDIA_TYPE = "application/vnd.dsse.envelope.v1+json"


@dataclass(frozen=True)
class Envelope:
    """An envelope of which nothing is verified yet."""

    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]

    @property
    def signed(self) -> bytes:
        """What the signatures have to be of."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what a signature is of."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, signature: str) -> dict[str, Any]:
    """The envelope of a payload; `signature` is that of `pae`, as base64."""
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": "", "sig": signature}],
    }


def read_envelope(content: bytes, what: str) -> Envelope:
    """Read an envelope; `what` begins the error.

    Raises:
        AttestError: a field is missing, or not what the specification says.
        LayoutError: it is no JSON object.
    """
    document = parse_object(content, what)
    kind = document.get("payloadType")
    if not isinstance(kind, str):
        raise _malformed(what, "payloadType", kind, "it has to be a text")
    found = document.get("signatures")
    if not isinstance(found, list) or not found:
        raise _malformed(what, "signatures", found, "an envelope has one or more")
    signatures = []
    for number, each in enumerate(found):
        text = each.get("sig") if isinstance(each, dict) else None
        signatures.append(_decoded(text, what, f"signatures[{number}].sig"))
    return Envelope(kind, _decoded(document.get("payload"), what, "payload"), tuple(signatures))


def _decoded(text: object, what: str, field: str) -> bytes:
    """Base64 of either alphabet, which the specification allows."""
    if not isinstance(text, str):
        raise _malformed(what, field, text, "it has to be base64")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        raise _malformed(what, field, text[:40], "it has to be base64") from None


def _malformed(what: str, field: str, value: object, why: str) -> AttestError:
    return refusal(what, field, value, why, "sign the image again")
