"""The line of the log that tells of each request."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from starlette.types import Scope

logger = logging.getLogger("fastapp.access")


def log_request(scope: Scope, status: int, seconds: float, fields: dict[str, Any]) -> None:
    """Write it.

    The query string is left out: tokens and names of people are in it more often than not.

    Args:
        scope: of the request.
        status: HTTP status code.
        seconds: from the head of the request to the end of the answer.
        fields: of the record besides method, path, status, duration_ms and client; with
            ``LOG_FORMAT=json`` keys of the line.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    client = scope.get("client")
    method = scope.get("method", "WEBSOCKET")
    path = raw_path(scope)
    milliseconds = round(seconds * 1000, 3)
    logger.info(
        '%s:%s - "%s %s HTTP/%s" %d %.1fms',
        *(client or ("-", 0)),
        method,
        path,
        scope.get("http_version", "1.1"),
        status,
        milliseconds,
        extra={
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": milliseconds,
            "client": client[0] if client else "-",
            **fields,
        },
    )


def raw_path(scope: Scope) -> str:
    """The path as it was sent, in visible ASCII: it can not begin a line of its own."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return quote(scope["path"])
    text = raw.partition(b"?")[0].decode("latin-1")
    return text if text.isascii() and text.isprintable() else quote(text, safe="/%")
