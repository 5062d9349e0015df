"""Sending traces to a collector, with OpenTelemetry's SDK where it is installed.

The image has OpenTelemetry's interfaces only, on which FastAPI records its spans. A project that
sets OTLP_ENDPOINT adds the SDK and the exporter to its requirements.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

from fastapp.exceptions import ImproperlyConfigured
from fastapp.packages import installed_version

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings

PACKAGES: Final = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
#: Seconds that the collector gets to take spans, at the end of the process too.
TIMEOUT: Final = 5.0


def exporter_problem(settings: BaseSettings) -> str | None:
    """Why traces cannot be sent to OTLP_ENDPOINT, or None when they can or need not."""
    if not settings.OTLP_ENDPOINT:
        return None
    missing = [package for package in PACKAGES if installed_version(package) is None]
    if not missing:
        return None
    return (
        f"OTLP_ENDPOINT is {settings.OTLP_ENDPOINT!r}, and sending traces needs what is not "
        f"installed: {', '.join(missing)}. Fix: add it to the requirements, "
        "or set no OTLP_ENDPOINT."
    )


def tracer_provider(settings: BaseSettings, service: str) -> Any:
    """What records spans and sends them to OTLP_ENDPOINT; None when that is not set.

    Args:
        settings: OTLP_ENDPOINT and TRACE_SAMPLE_RATIO count; OpenTelemetry itself reads
            ``OTEL_EXPORTER_OTLP_HEADERS`` and its like from the environment.
        service: ``service.name`` of the spans unless SERVICE_NAME is set.

    Raises:
        ImproperlyConfigured: the packages that it takes are not installed.
    """
    problem = exporter_problem(settings)
    if problem is not None:
        raise ImproperlyConfigured(problem)
    if not settings.OTLP_ENDPOINT:
        return None
    sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
    batches: Any = importlib.import_module("opentelemetry.sdk.trace.export")
    sampling: Any = importlib.import_module("opentelemetry.sdk.trace.sampling")
    resources: Any = importlib.import_module("opentelemetry.sdk.resources")
    exporter: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    provider = sdk.TracerProvider(
        resource=resources.Resource.create({"service.name": settings.SERVICE_NAME or service}),
        # The service that began the trace has decided for all services in it.
        sampler=sampling.ParentBased(sampling.TraceIdRatioBased(settings.TRACE_SAMPLE_RATIO)),
        # Closed at the end of the lifespan.
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        batches.BatchSpanProcessor(
            exporter.OTLPSpanExporter(
                endpoint=f"{settings.OTLP_ENDPOINT.rstrip('/')}/v1/traces",
                timeout=TIMEOUT,
                session=_session(),
            )
        )
    )
    return provider


def _session() -> Any:
    """The HTTP client: spans go to the address that the setting names, and nowhere else."""
    requests: Any = importlib.import_module("requests")
    session = requests.Session()
    # No proxies or passwords of the environment, no redirects, no cookies.
    session.trust_env = False
    session.max_redirects = 0
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


@asynccontextmanager
async def closing(provider: Any) -> AsyncIterator[None]:
    """Send what is left at the end of the block, and close; does nothing for None."""
    try:
        yield
    finally:
        if provider is not None:
            await asyncio.to_thread(provider.shutdown)
