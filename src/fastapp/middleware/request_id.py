"""Gives every request an id, in the logs, in error bodies and as the header X-Request-ID."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapp.logs import request_id_var

HEADER = "X-Request-ID"

# What a caller sends ends up in logs, so only harmless characters are taken over.
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


def choose_request_id(given: str | None) -> str:
    """The caller's id when it is fit for a log, else a new one of 32 hexadecimal digits."""
    if given is not None and _ACCEPTABLE.match(given):
        return given
    return uuid.uuid4().hex


class RequestIdMiddleware:
    """Sets the id for the duration of a request; the outermost middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = choose_request_id(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        token = request_id_var.set(request_id)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            request_id_var.reset(token)
