"""in-toto statements about an image: what is claimed, and of which digest.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MEDIA_TYPE = "application/vnd.in-toto+json"
BILL_TYPE = "application/vnd.cyclonedx+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
# What cosign calls the type `cyclonedx`.
BILL = "https://cyclonedx.org/bom"
# What an attested image has one of each of.
ATTESTED = {BILL: "bill of materials", PROVENANCE: "provenance"}


def about(digest: str, names: Sequence[str], predicate_type: str, predicate: Any) -> dict[str, Any]:
    """A statement about the image with this digest, `sha256:…`."""
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
            for name in names or (digest,)
        ],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def misfit(statement: dict[str, Any], digest: str) -> tuple[str, object, str] | None:
    """What keeps a document from being a statement about this image: field, value, why."""
    if statement.get("_type") != STATEMENT:
        return "_type", statement.get("_type"), f"a statement has {STATEMENT!r}"
    if not isinstance(statement.get("predicateType"), str):
        return "predicateType", statement.get("predicateType"), "it has to be a text"
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or not subjects:
        return "subject", subjects, "a statement names what it is about"
    for number, subject in enumerate(subjects):
        digests = subject.get("digest") if isinstance(subject, dict) else None
        found = digests.get("sha256") if isinstance(digests, dict) else None
        if found != digest.removeprefix("sha256:"):
            return f"subject[{number}].digest.sha256", found, f"the image is {digest}"
    return None
