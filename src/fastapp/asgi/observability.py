"""Metrics, traces and the access log of an application, as the settings want them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.routing import Route

from fastapp.apps import AppConfig
from fastapp.asgi.lifespan import Lifespan
from fastapp.conf import settings
from fastapp.contrib.metrics import METRICS_PATH, require_token
from fastapp.contrib.metrics.workers import is_shared
from fastapp.middleware.request_context import Observer, RequestContextMiddleware
from fastapp.tracing.exporter import closing, tracer_provider
from fastapp.urls.templates import RouteNames


class Observability:
    """What one application is observed with.

    Args:
        configs: the apps that it serves.
        service: its name in traces.

    Raises:
        ImproperlyConfigured: METRICS_TOKEN is missing, or what OTLP_ENDPOINT needs is.
    """

    def __init__(self, configs: Collection[AppConfig], service: str) -> None:
        require_token(settings)
        self._names = RouteNames(list(configs))
        self._provider = tracer_provider(settings, service)

    @property
    def telemetry(self) -> TelemetryConfig:
        """For ``FastAPI(telemetry=...)``: spans to our collector, or to what the project set up."""
        return {"tracer_provider": self._provider}

    def middleware(self) -> Middleware:
        """The outermost middleware."""
        observers: list[Observer] = []
        if settings.METRICS_ENABLED:
            from fastapp.contrib.metrics.requests import RequestMetrics

            observers.append(RequestMetrics(self._names))
        return Middleware(
            RequestContextMiddleware,
            names=self._names if settings.ACCESS_LOG else None,
            observers=observers,
            sample_ratio=settings.TRACE_SAMPLE_RATIO,
            exported=self._provider is not None,
        )

    def lifespans(self) -> list[Lifespan]:
        """What runs beside the application."""
        found: list[Lifespan] = []
        if self._provider is not None:
            found.append(lambda _app: closing(self._provider))
        if settings.METRICS_ENABLED and is_shared():
            from fastapp.contrib.metrics.databases import looking

            found.append(lambda _app: looking())
        return found

    def attach(self, app: FastAPI) -> None:
        """Complete the application when it has been made."""
        self._names.application = app
        if settings.METRICS_ENABLED:
            from fastapp.contrib.metrics.endpoint import MetricsEndpoint
            from fastapp.contrib.metrics.registry import current_registry

            endpoint: Any = MetricsEndpoint(current_registry, settings.METRICS_TOKEN)
            app.router.routes.append(
                Route(
                    METRICS_PATH,
                    endpoint,
                    methods=["GET"],
                    name="metrics",
                    include_in_schema=False,
                )
            )
