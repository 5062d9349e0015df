"""The id of a request: the caller's, or one of ours."""

from __future__ import annotations

import re

from fastapp.identifiers import random_bits

# What a caller sends ends up in logs, so only harmless characters are taken over.
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


def choose_request_id(given: str | None) -> str:
    """The caller's id when it is fit for a log, else a new one of 32 hexadecimal digits."""
    if given is not None and _ACCEPTABLE.match(given):
        return given
    return f"{random_bits(128):032x}"
