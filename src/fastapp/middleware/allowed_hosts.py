"""Refuses requests whose Host header is not in ALLOWED_HOSTS."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from fastapp.asgi.responses import error_response

logger = logging.getLogger("fastapp.security")

#: What DEBUG allows while ALLOWED_HOSTS is empty.
DEVELOPMENT_HOSTS = (".localhost", "127.0.0.1", "[::1]")

#: Host headers that are found allowed without another look.
REMEMBERED = 256
#: Close code of RFC 6455 for a message that a rule forbids.
POLICY_VIOLATION = 1008

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?P<port>:[0-9]{1,5})?\Z")


def host_name(header: str) -> str | None:
    """The name in a Host header, lower-case, without the port; None when it is malformed."""
    match = _HOST.match(header)
    if match is None:
        return None
    return match["name"].lower().removesuffix(".")


def is_allowed(name: str, patterns: Iterable[str]) -> bool:
    """Whether a host name matches: "*" is any, ".example.com" is it and all below it."""
    for pattern in (pattern.lower() for pattern in patterns):
        if pattern in ("*", name):
            return True
        if pattern.startswith(".") and (name == pattern[1:] or name.endswith(pattern)):
            return True
    return False


class AllowedHostsMiddleware:
    """Answers 400 to a request for a host that is not allowed.

    The address that a request comes from makes no difference: the loopback address is no reason to
    trust a Host header. Only health and metrics answer for any host, as their answers do not
    depend on it and probes ask by address.
    """

    def __init__(
        self, app: ASGIApp, *, allowed: Collection[str], exempt_paths: Collection[str] = ()
    ) -> None:
        self.app = app
        self.allowed = tuple(allowed)
        self.exempt_paths = frozenset(exempt_paths)
        self._seen: set[bytes] = set()

    def _is_allowed(self, header: bytes) -> bool:
        name = host_name(header.decode("latin-1"))
        if name is None or not is_allowed(name, self.allowed):
            return False
        # Patterns allow names without end; the few that clients use are remembered.
        if len(self._seen) < REMEMBERED:
            self._seen.add(header)
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in self.exempt_paths:
            await self.app(scope, receive, send)
            return
        header = b""
        for name, value in scope["headers"]:
            if name == b"host":
                header = value
                break
        if header in self._seen or self._is_allowed(header):
            await self.app(scope, receive, send)
            return
        shown = header.decode("latin-1")[:200]
        logger.warning("host %r is not in ALLOWED_HOSTS (QK_ALLOWED_HOSTS)", shown)
        if scope["type"] == "websocket":
            # Closing before accepting makes the server answer the handshake with 403.
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        response = error_response(400, "disallowed_host", "The Host header is not allowed.")
        await response(scope, receive, send)
