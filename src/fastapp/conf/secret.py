"""The rule about SECRET_KEY: no production secret has a default."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from fastapp.conf.sources import ENV_PREFIX
from fastapp.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings

MINIMUM_LENGTH = 32
MINIMUM_UNIQUE = 5
_PLACEHOLDERS = ("insecure", "django-insecure", "changeme", "change-me", "change_me")
VARIABLE = f"{ENV_PREFIX}SECRET_KEY"


def secret_key_problem(key: str) -> str | None:
    """What is wrong with a SECRET_KEY, or None when it can be used."""
    expected = f"expected at least {MINIMUM_LENGTH} random characters"
    if not key:
        return f"SECRET_KEY is not set: {expected}"
    if len(key) < MINIMUM_LENGTH:
        return f"SECRET_KEY is too short: {expected}, got {len(key)}"
    if len(set(key)) < MINIMUM_UNIQUE:
        return f"SECRET_KEY is too simple: {expected}, got {len(set(key))} different ones"
    if key.lower().startswith(_PLACEHOLDERS):
        return f"SECRET_KEY is a placeholder: {expected}"
    return None


def require_secret_key(settings: BaseSettings) -> None:
    """Refuse to start a server that has no usable SECRET_KEY while DEBUG is off.

    With DEBUG on and no key, a random one is put into the environment of this process, so that
    its workers and its reloads agree on it.

    Raises:
        ImproperlyConfigured: DEBUG is off and the key is not set, short or a placeholder.
    """
    problem = secret_key_problem(settings.SECRET_KEY)
    if problem is None:
        return
    if not settings.DEBUG:
        raise ImproperlyConfigured(
            f"{problem}. Fix: set {VARIABLE} (for one: python -c "
            f"'import secrets; print(secrets.token_urlsafe(48))'), or DEBUG for development."
        )
    if not settings.SECRET_KEY:
        key = secrets.token_urlsafe(48)
        os.environ[VARIABLE] = key
        # The settings are frozen for everyone else; this completes them before first use.
        settings.__dict__["SECRET_KEY"] = key
