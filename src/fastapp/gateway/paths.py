"""Which path belongs to which service, and which belongs to none.

All of it works on the raw path, as the client sent it: a path that is decoded and encoded again is
another path (``%2F`` would become a separator).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote_to_bytes

from fastapp.apps.registry import RESERVED_PREFIXES

# What a path may hold besides percent-encodings: visible ASCII. The rest cannot be sent on.
_RAW_PATH = re.compile(r"/[\x21-\x7e]*\Z")
_DOTS = re.compile(r"(?:\.|%2e){1,2}\Z", re.IGNORECASE)


def is_clean(raw_path: str) -> bool:
    """Whether a path can be sent on.

    Paths with ``.`` or ``..`` as a part, in any encoding, are refused: browsers never send them,
    and what they mean differs between this process and the service, so a rule about paths could be
    stepped around with them. A backslash counts as a slash here, as it does for some servers.
    """
    if not _RAW_PATH.match(raw_path):
        return False
    if "." not in raw_path and "%2" not in raw_path:
        return True
    parts = re.split(r"/|\\|%2f|%5c", raw_path, flags=re.IGNORECASE)
    return not any(_DOTS.match(part) for part in parts)


def find_prefix(raw_path: str, prefixes: Mapping[str, object]) -> str | None:
    """The longest of ``prefixes`` that the path starts with, part by part; None when none does.

    Args:
        raw_path: such as "/shop/items".
        prefixes: keys are prefixes without slashes at the ends, such as "shop" or "v1/shop".
    """
    path = raw_path[1:]
    end = path.find("/")
    # Nearly always the prefix is the first part alone.
    found = None
    while end != -1:
        if path[:end] in prefixes:
            found = path[:end]
        end = path.find("/", end + 1)
        if found is not None and end == -1:
            break
    return path if path in prefixes else found


def is_internal(raw_path: str, prefix: str | None, segments: Collection[str]) -> bool:
    """Whether a path is for the services among themselves and not for the outside.

    It is when the part after the prefix, or the first part of all, is one of ``segments``. The
    comparison is of the decoded text without case, as the service may see it so.
    """
    if not segments:
        return False
    rest = raw_path[len(prefix) + 1 :] if prefix is not None else raw_path
    text = unquote_to_bytes(rest).decode("latin-1").lstrip("/\\")
    first = re.split(r"[/\\;]", text, maxsplit=1)[0].strip().lower()
    return first in segments


def is_reserved(raw_path: str) -> bool:
    """Whether the path's first part is one that the framework serves itself.

    Those of a service (its health, its documents) are not reached through the default upstream.
    """
    text = unquote_to_bytes(raw_path).decode("latin-1").lstrip("/\\").lower()
    return re.split(r"[/\\;]", text, maxsplit=1)[0] in RESERVED_PREFIXES


def upstream_path(raw_path: str, prefix: str | None, base: str, strip: bool) -> str:
    """The path that the service sees.

    Args:
        raw_path: as the client sent it.
        prefix: the prefix that chose the service; None for the default one.
        base: path of the upstream's URL, without a slash at the end; "" for most.
        strip: leave the prefix out. Off unless asked for: services serve their app at its prefix,
            so that URLs are the same behind the gateway and in ``runserver-aio``.
    """
    if strip and prefix is not None:
        raw_path = raw_path[len(prefix) + 1 :] or "/"
    return base + raw_path
