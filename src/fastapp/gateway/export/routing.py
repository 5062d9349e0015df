"""The routing as every proxy needs it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from fastapp.apps.registry import RESERVED_PREFIXES
from fastapp.gateway.config import GatewayConfig


def mark_of(prefix: str | None) -> str:
    """A name for the upstreams of a prefix."""
    if prefix is None:
        return "default"
    # "a-b" and "a_b" are two.
    return "app_" + re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):02x}", prefix)


def routes_of(config: GatewayConfig) -> list[tuple[str | None, Sequence[str]]]:
    """Prefix and URLs, the longest prefix first; None is the default."""
    found: list[tuple[str | None, Sequence[str]]] = [
        (prefix, config.upstreams[prefix])
        for prefix in sorted(config.upstreams, key=lambda item: (-len(item), item))
    ]
    if config.default_upstreams:
        found.append((None, config.default_upstreams))
    return found


def hidden_pattern(config: GatewayConfig, *, slash: str = "/", end: str = "/|;") -> str:
    """A regular expression of the paths that are 404.

    Args:
        config: what goes where, and what is hidden.
        slash: expression of a slash, for proxies that compare it as it was sent.
        end: alternatives of what may follow a hidden part.
    """
    roots = sorted({*RESERVED_PREFIXES, *config.hidden_prefixes})
    any_root = "|".join(re.escape(item) for item in roots)
    if not config.internal_segments:
        return f"^{slash}+({any_root})({end}|$)"
    names = "|".join(re.escape(item) for item in sorted(config.internal_segments))
    prefixes = "|".join(re.escape(item) for item in sorted(config.upstreams))
    inner = f"(({prefixes}){slash}+)?" if prefixes else ""
    return f"^{slash}+({any_root}|{inner}({names}))({end}|$)"


def authority_of(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
