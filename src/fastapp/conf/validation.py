"""Checks of single settings, and the text of what is wrong with them."""

from __future__ import annotations

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from fastapp.conf.masking import is_secret


def load_time_zone(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name.

    Raises:
        ValueError: there is none, or the name is no name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError(
            f"expected the IANA name of a time zone such as 'Asia/Shanghai', got {name!r}"
        ) from exc


def check_origin(origin: str) -> str:
    """Check one CORS origin: scheme, host and port, nothing else, or "*".

    Only exact origins are taken, so that ``https://evilexample.com`` can not pass for
    ``https://example.com``.

    Raises:
        ValueError: it is not exact.
    """
    if origin == "*":
        return origin
    parts = urlsplit(origin)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or "*" in origin
        or parts.username is not None
        or origin != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError(
            f"expected an exact origin such as 'https://example.com' or '*', got {origin!r}"
        )
    return origin


def check_endpoint(url: str) -> str:
    """Check the address of an OTLP collector; "" is none.

    Raises:
        ValueError: it is no URL of HTTP, or has a query.
    """
    parts = urlsplit(url)
    if url and (
        parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
    ):
        raise ValueError(f"expected a URL such as 'http://collector:4318', got {url!r}")
    return url


def describe(error: ValidationError) -> str:
    """One line for each wrong setting: the key, what was expected, what was given."""
    lines = []
    for item in error.errors(include_url=False, include_context=False):
        path = [str(part) for part in item["loc"]]
        key = path[0] if path else "settings"
        where = key + "".join(f"[{part!r}]" for part in path[1:])
        text = item["msg"].removeprefix("Value error, ")
        given = item.get("input")
        shown = ""
        if not text.startswith(key) and "got " not in text and not is_secret(key):
            shown = f", got {str(given)[:80]!r}"
        prefix = "" if text.startswith(key) else f"{where}: "
        lines.append(f"{prefix}{text}{shown} (environment: QK_{key})")
    return "\n".join(lines)
