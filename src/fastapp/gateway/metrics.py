"""Prometheus metrics of a gateway: requests by prefix and upstream, and how upstreams are doing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from fastapp.contrib.metrics.build_info import BuildInfo
from fastapp.contrib.metrics.requests import BUCKETS, METHODS, OTHER
from fastapp.gateway.balancing import Directory
from fastapp.gateway.proxy import Proxy
from fastapp.gateway.scope import PREFIX, UPSTREAM

if TYPE_CHECKING:
    from fastapp.gateway.application import Gateway


class GatewayMetrics:
    """Counts requests; the numbers of upstreams are read when they are asked for.

    A registry of its own: several gateways may be embedded in one process.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "fastapp_gateway_requests",
            "Requests that have been answered; upstream '': by the gateway itself.",
            ("prefix", "upstream", "method", "status"),
            registry=self.registry,
        )
        self._duration = Histogram(
            "fastapp_gateway_request_duration_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ("prefix", "upstream"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._series: dict[tuple[str, str, str, int], tuple[Counter, Histogram]] = {}
        self.registry.register(Upstreams(gateway.directory, gateway.proxy))
        self.registry.register(BuildInfo())
        PlatformCollector(registry=self.registry)
        ProcessCollector(registry=self.registry)

    def began(self, scope: Scope) -> None:
        """A request has arrived; those in flight are counted by upstream."""

    def ended(self, scope: Scope, status: int, seconds: float) -> None:
        """It is over."""
        if scope["type"] == "websocket":
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER
        key = (scope.get(PREFIX, ""), scope.get(UPSTREAM, ""), method, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = (
                self._requests.labels(*key[:3], str(status)),
                self._duration.labels(*key[:2]),
            )
        series[0].inc()
        series[1].observe(seconds)


class Upstreams(Collector):
    """What the gateway knows of each upstream."""

    def __init__(self, directory: Directory, proxy: Proxy) -> None:
        self._directory = directory
        self._proxy = proxy

    def collect(self) -> Iterator[Metric]:
        """The metrics, with the URL as label."""
        prefix = "fastapp_gateway_upstream"
        flight = GaugeMetricFamily(
            f"{prefix}_requests_in_flight",
            "Requests and WebSockets in flight.",
            labels=["upstream"],
        )
        ejected = GaugeMetricFamily(
            f"{prefix}_ejected", "1 while it is left out, else 0.", labels=["upstream"]
        )
        ejections = CounterMetricFamily(
            f"{prefix}_ejections", "How often it was left out.", labels=["upstream"]
        )
        failures = CounterMetricFamily(
            f"{prefix}_failures",
            "Requests that it gave no answer to, those that another answered then included.",
            labels=["upstream", "cause"],
        )
        connections = GaugeMetricFamily(
            f"{prefix}_connections",
            "Connections of the gateway's pool: in_use, or free.",
            labels=["upstream", "state"],
        )
        for upstream in self._directory.upstreams:
            flight.add_metric([upstream.url], upstream.active)
            ejected.add_metric([upstream.url], upstream.ejected)
            ejections.add_metric([upstream.url], upstream.ejections)
            for cause, count in upstream.errors.items():
                failures.add_metric([upstream.url, cause], count)
            for state, count in self._proxy.connections(upstream).items():
                connections.add_metric([upstream.url, state], count)
        yield from (flight, ejected, ejections, failures, connections)
