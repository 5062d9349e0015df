"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapp.asgi.responses import internal_error
from fastapp.contrib.metrics import METRICS_PATH, require_token
from fastapp.docs import FOLDER, asset, docs_page, oauth_page
from fastapp.exceptions import ImproperlyConfigured
from fastapp.gateway.balancing import Directory, Pool
from fastapp.gateway.config import GatewayConfig, gateway_config
from fastapp.gateway.errors import (
    ClientGone,
    GatewayError,
    bad_request,
    not_found,
)
from fastapp.gateway.headers import Hop, first, trust
from fastapp.gateway.openapi import Documents
from fastapp.gateway.paths import find_prefix, is_clean, is_internal, is_reserved
from fastapp.gateway.proxy import Proxy
from fastapp.gateway.scope import PREFIX, RequestNames
from fastapp.gateway.tracing import SpanMiddleware
from fastapp.gateway.websockets import DENIAL, POLICY_VIOLATION, proxy_websocket
from fastapp.logs import current_request_id
from fastapp.middleware.allowed_hosts import DEVELOPMENT_HOSTS, host_name, is_allowed
from fastapp.middleware.request_context import RequestContextMiddleware
from fastapp.tracing import current_trace
from fastapp.tracing.exporter import closing, tracer_provider

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings

logger = logging.getLogger("fastapp.gateway")

HEALTH: Final = ("/healthz", "/healthz/live")
READY: Final = "/healthz/ready"
_METRICS: Final = frozenset({METRICS_PATH.strip("/")})
# TRACE would show a script the cookies that it may not read; CONNECT is for other proxies.
_REFUSED_METHODS = frozenset({"TRACE", "CONNECT"})


class Gateway:
    """Sends each request to the service of its prefix.

    An ASGI application: give it to a server, or mount it. It opens its connections at first use
    and closes them at the end of the lifespan, or by :meth:`close` where there is none.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        allowed_hosts: Sequence[str] = ("*",),
        cors: dict[str, Any] | None = None,
        tracer_provider: Any = None,
    ) -> None:
        """Make a gateway.

        Args:
            config: what goes where.
            allowed_hosts: as ALLOWED_HOSTS; every host unless told.
            cors: arguments of Starlette's CORSMiddleware; None leaves CORS to the services.
            tracer_provider: of OpenTelemetry's SDK; None records no spans. It is closed with the
                gateway.

        Raises:
            ImproperlyConfigured: an address of a trusted proxy is none.
        """
        self.config = config
        self.directory = Directory(config)
        self.proxy = Proxy(config, self.directory, own_cors=cors is not None)
        self.proxy.allowed_hosts = tuple(allowed_hosts)
        self._documents = Documents(self.proxy)
        self._allowed = tuple(allowed_hosts)
        self._any_host = "*" in self._allowed
        try:
            self._trusted = trust(config.trusted_proxies)
        except ValueError as exc:
            raise ImproperlyConfigured(
                f"TRUSTED_PROXIES: {exc}. Fix: write IP addresses or networks such as '10.0.0.0/8'."
            ) from None
        self._http: ASGIApp = self._serve
        if cors is not None:
            self._http = CORSMiddleware(self._serve, **cors)
        self._metrics: ASGIApp | None = None
        self._tracer_provider = tracer_provider
        self._observed = self._observe()

    def _observe(self) -> ASGIApp:
        """Everything, inside what logs, counts and traces it."""
        config, observers = self.config, []
        if config.metrics:
            from fastapp.contrib.metrics.endpoint import MetricsEndpoint
            from fastapp.gateway.metrics import GatewayMetrics

            metrics = GatewayMetrics(self)
            self._metrics = MetricsEndpoint(lambda: metrics.registry, config.metrics_token)
            observers.append(metrics)
        served: ASGIApp = RequestContextMiddleware(
            self._dispatch,
            names=RequestNames() if config.access_log else None,
            observers=observers,
            sample_ratio=config.sample_ratio,
            exported=self._tracer_provider is not None,
        )
        if self._tracer_provider is None:
            return served
        return SpanMiddleware(served, self._tracer_provider)

    async def close(self) -> None:
        """Close the connections to services."""
        await self.directory.close()
        await self.proxy.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        await self._observed(_inner(scope), receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
        elif scope["path"] in HEALTH:
            await JSONResponse({"status": "ok"})(scope, receive, send)
        elif scope["path"] == READY:
            await self._ready()(scope, receive, send)
        elif scope["path"] == METRICS_PATH and self._metrics is not None:
            await self._metrics(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                async with closing(self._tracer_provider):
                    await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _ready(self) -> Response:
        """Ready while any service is: the others are still served when one is down."""
        states = {
            prefix: "ok" if pool.available else "unavailable"
            for prefix, pool in self.directory.pools.items()
        }
        if states and "ok" not in states.values():
            return GatewayError(
                503, "service_unavailable", "No service is available.", {"services": states}
            ).response()
        return JSONResponse({"status": "ok", "services": states})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            self._check(scope)
            own = await self._own(scope)
            if own is not None:
                await own(scope, receive, watched)
                return
            pool, prefix = self._route(scope)
            hop = self._hop(scope, prefix)
            await self.proxy(scope, receive, watched, pool, prefix, hop)
        except GatewayError as exc:
            await exc.response()(scope, receive, watched)
        except ClientGone:
            return
        except Exception:
            if started:
                # The head is out: only breaking the connection tells the client.
                raise
            logger.exception("unhandled error in %s %s", scope["method"], scope["path"])
            await internal_error()(scope, receive, watched)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
            pool, prefix = self._route(scope)
            hop = self._hop(scope, prefix)
            await proxy_websocket(self.proxy, scope, receive, send, pool, prefix, hop)
        except GatewayError as exc:
            if DENIAL in scope.get("extensions", {}):
                await exc.response()(scope, receive, send)
            else:
                # Closing before accepting makes the server answer the handshake with 403.
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})

    def _check(self, scope: Scope) -> None:
        """Refuse what may mean another thing to the service than to us."""
        headers = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            raise bad_request("Exactly one Host header is needed.")
        if not self._any_host:
            name = host_name(hosts[0].decode("latin-1"))
            if name is None or not is_allowed(name, self._allowed):
                logger.warning("host %r is not in ALLOWED_HOSTS (QK_ALLOWED_HOSTS)", hosts[0][:200])
                raise GatewayError(400, "disallowed_host", "The Host header is not allowed.")
        elif host_name(hosts[0].decode("latin-1")) is None:
            raise bad_request("The Host header is malformed.")
        lengths = [value for name, value in headers if name == b"content-length"]
        codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
        # The server's parser refuses these too; behind another server it may not.
        ambiguous = len(lengths) > 1 or any(not value.isdigit() for value in lengths)
        if ambiguous or (codings and (lengths or codings != [b"chunked"])):
            raise bad_request("The length of the body is ambiguous.")
        if scope["type"] == "http" and scope["method"] in _REFUSED_METHODS:
            raise GatewayError(405, "method_not_allowed", "Method Not Allowed.")
        if not is_clean(scope["raw_path"].decode("latin-1")):
            raise bad_request("The path is not allowed.")

    async def _own(self, scope: Scope) -> Response | None:
        """What the gateway serves itself."""
        if not self.config.docs or scope["method"] not in ("GET", "HEAD"):
            return None
        if scope["path"] == "/openapi.json":
            return Response(await self._documents.merged(), media_type="application/json")
        if scope["path"] == "/docs":
            return docs_page("QingKong gateway", "openapi.json")
        if scope["path"].startswith("/docs/"):
            return await self._docs_file(scope)
        return None

    async def _docs_file(self, scope: Scope) -> Response | None:
        parts: list[str] = scope["path"].split("/")[2:]
        if parts == ["oauth2-redirect"]:
            return oauth_page()
        if parts[0] != FOLDER or len(parts) != 3:
            return None
        accepted = (first(scope["headers"], b"accept-encoding") or b"").decode("latin-1")
        # Reading and packing take a moment.
        return await asyncio.to_thread(asset, parts[1], parts[2], accepted)

    def _route(self, scope: Scope) -> tuple[Pool, str | None]:
        """The upstreams of a request, and the prefix that chose them."""
        raw_path: str = scope["raw_path"].decode("latin-1")
        config, directory = self.config, self.directory
        prefix = find_prefix(raw_path, directory.pools)
        pool = directory.default if prefix is None else directory.pools[prefix]
        hidden = config.hidden_prefixes and find_prefix(
            raw_path, dict.fromkeys(config.hidden_prefixes)
        )
        if (
            pool is None
            or (hidden and len(hidden) > len(prefix or ""))
            or is_internal(raw_path, prefix, config.internal_segments)
            # Without its prefix the path would be the service's own.
            or (prefix in config.strip_prefixes and is_internal(raw_path, prefix, _METRICS))
            or (prefix is None and is_reserved(raw_path))
        ):
            raise not_found()
        scope[PREFIX] = prefix or ""
        return pool, prefix

    def _hop(self, scope: Scope, prefix: str | None) -> Hop:
        headers = scope["headers"]
        client = scope.get("client")
        peer = client[0] if client else ""
        trusted = bool(peer) and self._trusted(peer)
        host = first(headers, b"host") or b""
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        public_scheme, public_host = scheme, host
        if trusted:
            if first(headers, b"x-forwarded-proto") in (b"http", b"https"):
                public_scheme = (first(headers, b"x-forwarded-proto") or b"").decode()
            public_host = first(headers, b"x-forwarded-host") or host
        return Hop(
            peer=peer,
            trusted=trusted,
            scheme=scheme,
            host=host,
            request_id=current_request_id(),
            prefix=f"/{prefix}" if prefix in self.config.strip_prefixes else "",
            public=f"{public_scheme}://{public_host.decode('latin-1')}",
            trace=_trace_headers(),
        )


def _trace_headers() -> list[tuple[bytes, bytes]]:
    trace = current_trace()
    if trace is None:
        return []
    headers = [(b"traceparent", trace.traceparent.encode())]
    if trace.state:
        headers.append((b"tracestate", trace.state.encode("latin-1")))
    return headers


def _inner(scope: Scope) -> Scope:
    """A scope of our own, whose raw path begins after what the gateway is mounted at."""
    inner = dict(scope)
    raw_path: bytes = (
        scope.get("raw_path") or quote(scope["path"], safe="/%:@!$&'()*+,;=~").encode()
    )
    raw_path = raw_path.partition(b"?")[0]
    root = scope.get("root_path", "")
    if root and raw_path.startswith(root.encode()):
        raw_path = raw_path[len(root.encode()) :] or b"/"
        inner["path"] = scope["path"].removeprefix(root) or "/"
    inner["raw_path"] = raw_path
    return inner


def cors_options(settings: BaseSettings) -> dict[str, Any] | None:
    """Arguments of the CORS middleware from the settings; None when no origin is allowed."""
    if not settings.CORS_ALLOWED_ORIGINS:
        return None
    return {
        "allow_origins": settings.CORS_ALLOWED_ORIGINS,
        "allow_credentials": settings.CORS_ALLOW_CREDENTIALS,
        "allow_methods": settings.CORS_ALLOW_METHODS,
        "allow_headers": settings.CORS_ALLOW_HEADERS,
        "expose_headers": settings.CORS_EXPOSE_HEADERS,
        "max_age": settings.CORS_MAX_AGE,
    }


def create_gateway(config: GatewayConfig | None = None) -> Gateway:
    """The gateway that the settings describe. Needs no running event loop and no SECRET_KEY.

    Args:
        config: what goes where; from the settings and the installed apps when None.

    Raises:
        ImproperlyConfigured: a setting is wrong, or a package that it needs is not installed.
        AppLoadError: an app's package fails to import.
    """
    from fastapp.apps import apps
    from fastapp.conf import settings

    require_token(settings)
    if config is None:
        apps.populate()
        config = gateway_config(settings, apps)
    allowed = settings.ALLOWED_HOSTS or (list(DEVELOPMENT_HOSTS) if settings.DEBUG else [])
    if not allowed:
        logger.warning("ALLOWED_HOSTS is empty: every request is refused. Set QK_ALLOWED_HOSTS.")
    return Gateway(
        config,
        allowed_hosts=allowed,
        cors=cors_options(settings),
        tracer_provider=tracer_provider(settings, "gateway"),
    )
