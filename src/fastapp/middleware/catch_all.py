"""Turns an unhandled exception into the uniform 500, and logs it with the request id."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from fastapp.asgi.responses import internal_error
from fastapp.logs.logged import AlreadyLogged
from fastapp.middleware.request_context import STARTED

logger = logging.getLogger("fastapp.request")


class CatchAllMiddleware:
    """Lies inside the CORS middleware, so that browsers may read the 500 as well.

    Whether an answer has begun is told by RequestContextMiddleware, which is around both.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            logger.exception("unhandled error in %s %s", scope["method"], scope["path"])
            if scope.get(STARTED):
                # The head is out: only breaking the connection tells the client.
                raise AlreadyLogged from exc
            await internal_error()(scope, receive, send)
