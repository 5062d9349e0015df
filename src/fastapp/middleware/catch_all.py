"""Turns an exception that nobody handled into the uniform 500, and logs it with the request id."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapp.asgi.responses import internal_error

logger = logging.getLogger("fastapp.request")


class CatchAllMiddleware:
    """Lies inside the CORS middleware, so that browsers may read the 500 as well."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception:
            logger.exception("unhandled error in %s %s", scope["method"], scope["path"])
            if started:
                # The head is out: only breaking the connection tells the client.
                raise
            await internal_error()(scope, receive, send)
