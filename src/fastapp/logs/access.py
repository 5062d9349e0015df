"""The line of the log for each request."""

from __future__ import annotations

import logging
import os
import time
from typing import Any, Final
from urllib.parse import quote

from starlette.types import Scope

logger = logging.getLogger("fastapp.access")

#: Characters of a path that are written.
LONGEST_PATH: Final = 256

#: What a record has besides what it is about. To find the caller, the thread and the task for each
#: takes half of the time that a line takes, and they are always the same.
_TEMPLATE: Final = {
    **vars(logging.LogRecord(logger.name, logging.INFO, __file__, 0, "", (), None)),
    "funcName": "log_request",
}
# A forked process is another one.
os.register_at_fork(after_in_child=lambda: _TEMPLATE.update(process=os.getpid()))


class _AccessRecord(logging.LogRecord):
    """A record that is quick to make."""

    def __init__(self, message: str, fields: dict[str, Any]) -> None:
        now = time.time()
        self.__dict__ = {
            **_TEMPLATE,
            **fields,
            "msg": message,
            "created": now,
            "msecs": int(now % 1 * 1000),
        }


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
    host, port = scope.get("client") or ("-", 0)
    method = scope.get("method", "WEBSOCKET")
    path = raw_path(scope)
    version = scope.get("http_version", "1.1")
    milliseconds = round(seconds * 1000, 3)
    record = _AccessRecord(
        f'{host}:{port} - "{method} {path} HTTP/{version}" {status} {milliseconds:.1f}ms',
        {
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": milliseconds,
            "client": host,
            **fields,
        },
    )
    logger.handle(record)


def raw_path(scope: Scope) -> str:
    """The path as it was sent, in visible ASCII: it cannot begin a line of its own.

    The end of a long one is left out, or clients could fill the log.
    """
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        text = quote(scope["path"])
    else:
        text = raw.partition(b"?")[0].decode("latin-1")
        if not (text.isascii() and text.isprintable()):
            text = quote(text, safe="/%")
    return text if len(text) <= LONGEST_PATH else f"{text[:LONGEST_PATH]}..."
