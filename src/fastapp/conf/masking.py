"""Hiding secrets from what people and logs get to see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "********"

_SECRET_NAME = re.compile(
    r"SECRET|PASSWORD|PASSWD|TOKEN(?!_LIFETIME)|CREDENTIAL|(^|_)KEY$|API_?KEY", re.IGNORECASE
)
_SECRET_EXCEPTIONS = frozenset({"CORS_ALLOW_CREDENTIALS"})
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s/?#@:]*:)[^\s/]*(?=@)", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    return name not in _SECRET_EXCEPTIONS and _SECRET_NAME.search(name) is not None


def mask_url(text: str) -> str:
    """``text`` with the password of every URL in it hidden."""
    return _URL_PASSWORD.sub(rf"\g<head>{MASK}", text)


def mask(name: str, value: Any) -> Any:
    """``value`` with the secrets in it hidden.

    A secret that is empty stays empty, so that "not set" can be seen. Mappings and lists are
    walked through.
    """
    if isinstance(value, Mapping):
        return {key: mask(str(key), item) for key, item in value.items()}
    if is_secret(name) and value not in (None, ""):
        return MASK
    if isinstance(value, list | tuple):
        return [mask("", item) for item in value]
    return mask_url(value) if isinstance(value, str) else value
