"""The one error of what describes images."""

from __future__ import annotations


class AttestError(Exception):
    """What keeps an image from being described: where, which value, and the mend."""
