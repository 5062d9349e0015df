"""The endpoint ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastapp.asgi.responses import error_response
from fastapp.contrib.metrics.token import may_read

_METHODS: Final = ("GET", "HEAD")


class MetricsEndpoint:
    """An ASGI application that writes a registry in the form that the reader asks for.

    Args:
        registry: makes or gives the registry of a reading.
        token: what the reader must know; "" for nothing.
    """

    def __init__(self, registry: Callable[[], CollectorRegistry], token: str) -> None:
        self._registry = registry
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._response(scope)(scope, receive, send)

    def _response(self, scope: Scope) -> Response:
        if scope["method"] not in _METHODS:
            return error_response(
                405, "method_not_allowed", "Method Not Allowed.", headers={"Allow": "GET, HEAD"}
            )
        if not may_read(scope, self._token):
            return error_response(
                401,
                "not_authenticated",
                "Metrics need 'Authorization: Bearer' with METRICS_TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        encode, content_type = choose_encoder(Headers(scope=scope).get("accept", ""))
        return Response(
            encode(self._registry()),
            headers={"Content-Type": content_type, "Cache-Control": "no-store"},
        )
