"""A front end and its API at one address."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from fastapp.conf import settings
from fastapp.gateway.application import Gateway
from fastapp.gateway.config import GatewayConfig


class WithApi:
    """Sends some prefixes to services, by an embedded gateway, and the rest to the files.

    Args:
        files: the application that serves everything else.
        upstreams: URL of the service of each prefix.

    Raises:
        ImproperlyConfigured: a prefix or a URL is wrong.
    """

    def __init__(self, files: ASGIApp, upstreams: Mapping[str, str]) -> None:
        self.files = files
        self.prefixes = tuple(f"/{prefix}" for prefix in upstreams)
        self.gateway = Gateway(
            GatewayConfig(
                upstreams={prefix: [url] for prefix, url in upstreams.items()},
                trusted_proxies=settings.TRUSTED_PROXIES,
                max_body_bytes=settings.GATEWAY_MAX_BODY_BYTES,
                connect_timeout=settings.GATEWAY_CONNECT_TIMEOUT,
                read_timeout=settings.GATEWAY_READ_TIMEOUT,
                docs=False,
            )
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket; the lifespan is the gateway's."""
        is_api = scope["type"] == "lifespan" or any(
            scope["path"] == prefix or scope["path"].startswith(f"{prefix}/")
            for prefix in self.prefixes
        )
        await (self.gateway if is_api else self.files)(scope, receive, send)
