"""The one error of what describes, signs and verifies images."""

from __future__ import annotations


class AttestError(Exception):
    """What failed, where, which value, why, and how to fix it."""


def refusal(what: str, field: str, value: object, why: str, fix: str) -> AttestError:
    """The error of one value: `what` failed because of it."""
    return AttestError(f"{what}: {field}={value!r}: {why}. Fix: {fix}.")
