"""Checks of single settings. Each raises ValueError with what was expected; the value that was
given is added by :mod:`fastapp.conf.errors`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: A token of RFC 9110: names of methods and headers.
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_HOST_PATTERN: Final = re.compile(r"(\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])\Z")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_.-]+\Z|(?=.*:.*:)[0-9A-Fa-f:.]+\Z")
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+\Z")

#: The keys of :func:`logging.config.dictConfig`, and whether each holds a mapping.
_LOGGING_KEYS: Final = {
    "version": False,
    "disable_existing_loggers": False,
    "incremental": False,
    "formatters": True,
    "filters": True,
    "handlers": True,
    "loggers": True,
    "root": True,
}


def load_time_zone(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name.

    Raises:
        ValueError: there is none, or the name is no name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("expected the IANA name of a time zone such as 'Asia/Shanghai'") from exc


def check_origin(origin: str) -> str:
    """Check one CORS origin: scheme, host and port, nothing else, or "*".

    Only exact origins are taken, so that ``https://evilexample.com`` cannot pass for
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
        raise ValueError("expected exact origins such as 'https://example.com', or '*'")
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
        raise ValueError("expected a URL such as 'http://collector:4318'")
    return url


def check_trusted_proxy(address: str) -> str:
    """Check one entry of TRUSTED_PROXIES: an address, a network, or "*".

    Raises:
        ValueError: it is none of these. A host name is not taken: what it resolves to can change.
    """
    if address != "*":
        try:
            ip_network(address, strict=False)
        except ValueError:
            raise ValueError(
                "expected IP addresses or networks such as '10.0.0.0/8', or '*'"
            ) from None
    return address


def check_host_pattern(pattern: str) -> str:
    """Check one entry of ALLOWED_HOSTS.

    Raises:
        ValueError: no Host header can match it, as when it has a scheme, a port or a path.
    """
    if pattern != "*" and not _HOST_PATTERN.match(pattern):
        raise ValueError(
            "expected host names such as 'shop.example.com', '.example.com' for it and all below "
            "it, or '*'; without scheme, port or path"
        )
    return pattern


def check_address(host: str) -> str:
    """Check HOST, the address that servers listen on.

    Raises:
        ValueError: it is empty, which would be every address, or has a scheme or a port.
    """
    if not _ADDRESS.match(host):
        raise ValueError("expected an address such as '0.0.0.0', without scheme or port")
    return host


def check_token(name: str) -> str:
    """Check the name of a method or a header.

    Raises:
        ValueError: HTTP has no such name.
    """
    if not _TOKEN.match(name):
        raise ValueError("expected names of HTTP, without spaces or colons")
    return name


def check_dotted_path(path: str) -> str:
    """Check the form of a dotted path; what it names is imported by the application.

    Raises:
        ValueError: it is none.
    """
    if not _DOTTED.match(path):
        raise ValueError("expected dotted paths such as 'common.middleware.Timing'")
    return path


def check_path_segment(segment: str) -> str:
    """Check one part of a URL's path.

    Raises:
        ValueError: it is empty or has a slash, and would match nothing.
    """
    if not segment or "/" in segment:
        raise ValueError("expected single parts of a path such as 'internal', without '/'")
    return segment


def check_folder(path: Path) -> Path:
    """Check a folder of the project.

    Raises:
        ValueError: it does not exist or is a file.
    """
    if not path.is_dir():
        raise ValueError("expected a folder that exists")
    return path


def check_logging(value: Mapping[str, Any]) -> None:
    """Check the form of LOGGING: ``dictConfig`` overlooks keys that it does not know.

    Raises:
        ValueError: names the key.
    """
    for key, item in value.items():
        if key not in _LOGGING_KEYS:
            near = get_close_matches(str(key), _LOGGING_KEYS, n=1)
            meant = f" (the nearest is {near[0]!r})" if near else ""
            raise ValueError(
                f"{key!r} is no key of logging.config.dictConfig, expected one of "
                f"{', '.join(_LOGGING_KEYS)}{meant}"
            )
        if _LOGGING_KEYS[key] and not isinstance(item, Mapping):
            raise ValueError(f"{key!r}: expected a mapping")
    if value.get("version", 1) != 1:
        raise ValueError("'version': expected 1")
