"""Who may read metrics: who knows METRICS_TOKEN.

Metrics tell what is served, how often and how slowly, and the place of every database. They are
at the port that clients reach, so without a token they are not served at all.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.types import Scope

from fastapp.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings

METRICS_PATH: Final = "/metrics"
MINIMUM_LENGTH: Final = 16


def metrics_problem(settings: BaseSettings) -> str | None:
    """Why metrics cannot be served as the settings say, or None when they can or need not."""
    if not settings.METRICS_ENABLED or (settings.DEBUG and not settings.METRICS_TOKEN):
        return None
    length = len(settings.METRICS_TOKEN)
    if length >= MINIMUM_LENGTH:
        return None
    got = f"got {length}" if length else "it is not set"
    return (
        f"METRICS_ENABLED is on, and METRICS_TOKEN must have at least {MINIMUM_LENGTH} "
        f"random characters, {got}. Fix: set QK_METRICS_TOKEN (for one: python -c 'import secrets; "
        "print(secrets.token_urlsafe(24))'), or QK_METRICS_ENABLED=false."
    )


def require_token(settings: BaseSettings) -> None:
    """Refuse to serve metrics without a token.

    Raises:
        ImproperlyConfigured: they are on, and the token is missing or short. While DEBUG is on it
            may be missing.
    """
    problem = metrics_problem(settings)
    if problem is not None:
        raise ImproperlyConfigured(problem)


def may_read(scope: Scope, token: str) -> bool:
    """Whether a request has the token; an empty one admits every client."""
    if not token:
        return True
    kind, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
