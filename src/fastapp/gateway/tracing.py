"""Spans of the gateway, where traces are sent to a collector. FastAPI makes those of services."""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapp.gateway.scope import PREFIX, UPSTREAM

_EMPTY: Final = otel.Context()


class SpanMiddleware:
    """Records a span for each request, and makes it the current one.

    Args:
        app: what is served.
        provider: of OpenTelemetry's SDK.
    """

    def __init__(self, app: ASGIApp, provider: Any) -> None:
        self.app = app
        self._tracer: trace.Tracer = provider.get_tracer("fastapp.gateway")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        span = self._tracer.start_span(
            method,
            context=extract(Headers(scope=scope), _EMPTY),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "url.path": scope["path"],
                "url.scheme": scope.get("scheme", "http"),
            },
        )

        async def watched(message: Message) -> None:
            if "status" in message:
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    span.set_status(StatusCode.ERROR)
            await send(message)

        try:
            with trace.use_span(span, end_on_exit=False):
                await self.app(scope, receive, watched)
        finally:
            prefix, upstream = scope.get(PREFIX), scope.get(UPSTREAM)
            if prefix is not None:
                span.update_name(f"{method} /{prefix}")
                span.set_attribute("http.route", f"/{prefix}")
            if upstream is not None:
                span.set_attribute("fastapp.upstream", upstream)
            span.end()
