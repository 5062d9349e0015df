"""What surrounds every request: its id, its trace, its line in the log, its part of the metrics.

One middleware, as each layer around a request costs as much as the work in this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final, Protocol

from opentelemetry import trace as otel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapp.logs.access import log_request
from fastapp.logs.request_id import request_id_var
from fastapp.middleware.request_id import choose_request_id
from fastapp.tracing.context import TraceContext, new_trace, trace_var
from fastapp.tracing.propagation import from_span, trace_of

_SERVED: Final = ("http", "websocket")
_HEAD: Final = frozenset(
    {"http.response.start", "websocket.accept", "websocket.http.response.start"}
)
_ID: Final = b"x-request-id"
_LENGTH: Final = len(_ID)
#: In the scope of a request whose head has been answered: it is too late for another answer.
STARTED: Final = "fastapp.started"
#: The client left before the answer; the number that nginx writes.
CLIENT_GONE: Final = 499


class Observer(Protocol):
    """Is told of each request, as metrics are."""

    def began(self, scope: Scope) -> None:
        """A request has arrived."""

    def ended(self, scope: Scope, status: int, seconds: float) -> None:
        """It has been answered, or never will be."""


class Names(Protocol):
    """Knows what a request was for, once it has been served."""

    def fields(self, scope: Scope) -> dict[str, Any]:
        """Fields of its line in the log."""


class RequestContextMiddleware:
    """The outermost middleware.

    Args:
        app: what is served.
        names: tells the route for the log; None writes no line for a request.
        observers: are told of each request.
        sample_ratio: share of the traces that begin here that are marked as sampled.
        exported: OpenTelemetry has a span for each request already; it is taken over.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        names: Names | None = None,
        observers: Sequence[Observer] = (),
        sample_ratio: float = 1.0,
        exported: bool = False,
    ) -> None:
        self.app = app
        self._names = names
        self._observers = tuple(observers)
        self._ratio = sample_ratio
        self._exported = exported

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in _SERVED:
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        request_id, trace = self._identify(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        mark = (_ID, request_id.encode())
        status = 0
        ended = False

        def end(final: int) -> None:
            nonlocal ended
            ended = True
            seconds = perf_counter() - started
            for observer in self._observers:
                observer.ended(scope, final, seconds)
            if self._names is not None:
                log_request(scope, final, seconds, self._names.fields(scope))

        async def marked(message: Message) -> None:
            nonlocal status
            kind = message["type"]
            if kind in _HEAD:
                status = message.get("status", 101)
                scope[STARTED] = True
                headers = message.get("headers", ())
                for name, _ in headers:
                    if len(name) == _LENGTH and name.lower() == _ID:
                        headers = [item for item in headers if item[0].lower() != _ID]
                        break
                message["headers"] = [*headers, mark]
            elif kind == "websocket.close" and not status:
                status = 403
            # Before the client can act on the answer, and before what runs in the background.
            if kind == "http.response.body" and not message.get("more_body", False):
                end(status)
            await send(message)

        id_token = request_id_var.set(request_id)
        trace_token = trace_var.set(trace)
        for observer in self._observers:
            observer.began(scope)
        try:
            await self.app(scope, receive, marked)
            if not ended and scope["type"] == "http":
                # Who returns in the middle of an answer has no client any more.
                status = CLIENT_GONE
        except Exception:
            status = status or 500
            raise
        finally:
            if not ended:
                end(status or CLIENT_GONE)
            trace_var.reset(trace_token)
            request_id_var.reset(id_token)

    def _identify(self, scope: Scope) -> tuple[str, TraceContext]:
        given: str | None = None
        parents: list[bytes] = []
        states: list[bytes] = []
        for name, value in scope["headers"]:
            if name == _ID:
                given = given or value.decode("latin-1")
            elif name == b"traceparent":
                parents.append(value)
            elif name == b"tracestate":
                states.append(value)
        trace = from_span(otel.get_current_span()) if self._exported else None
        if trace is None:
            trace = trace_of(parents, states, self._ratio) if parents else new_trace(self._ratio)
        return choose_request_id(given), trace
