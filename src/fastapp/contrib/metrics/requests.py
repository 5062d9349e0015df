"""Metrics of requests: how many, how they ended, how long they took, how many are in flight."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import Scope

from fastapp.urls.templates import RouteNames

#: Upper ends in seconds, from what a cache answers in to what clients do not wait for.
BUCKETS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: In place of what a client made up.
OTHER: Final = "OTHER"

REQUESTS = Counter(
    "fastapp_http_requests",
    "Requests that have been answered; status 499: the client went away before.",
    ("app", "method", "route", "status"),
)
DURATION = Histogram(
    "fastapp_http_request_duration_seconds",
    "Seconds from the head of a request to the end of its answer.",
    ("app", "method", "route"),
    buckets=BUCKETS,
)
IN_FLIGHT = Gauge(
    "fastapp_http_requests_in_flight",
    "Requests that are being answered.",
    ("app",),
    multiprocess_mode="livesum",
)
WEBSOCKETS = Gauge(
    "fastapp_websockets_open",
    "WebSockets that are being served.",
    ("app",),
    multiprocess_mode="livesum",
)


class RequestMetrics:
    """Counts requests by app, method, route template and status: as many series as routes."""

    def __init__(self, names: RouteNames) -> None:
        self._names = names
        # To look a series up by its labels takes longer than to count.
        self._flights: dict[tuple[str, str], Gauge] = {}
        self._series: dict[tuple[str, str, str, int], tuple[Counter, Histogram]] = {}

    def began(self, scope: Scope) -> None:
        """A request has arrived."""
        self._flight(scope).inc()

    def ended(self, scope: Scope, status: int, seconds: float) -> None:
        """It is over."""
        self._flight(scope).dec()
        if scope["type"] == "websocket":
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER
        app, route = self._names.named(scope)
        key = (app, method, route, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = (
                REQUESTS.labels(app, method, route, str(status)),
                DURATION.labels(app, method, route),
            )
        series[0].inc()
        series[1].observe(seconds)

    def _flight(self, scope: Scope) -> Gauge:
        key = (scope["type"], self._names.app(scope["path"]))
        flight = self._flights.get(key)
        if flight is None:
            gauge = WEBSOCKETS if key[0] == "websocket" else IN_FLIGHT
            flight = self._flights[key] = gauge.labels(key[1])
        return flight
