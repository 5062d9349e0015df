"""Passing one HTTP request on, and its answer back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
from starlette.types import Message, Receive, Scope, Send
from yarl import URL

from fastapp.gateway.balancing import Directory, Pool, Upstream
from fastapp.gateway.body import DisconnectWatch, RequestBody
from fastapp.gateway.config import GatewayConfig
from fastapp.gateway.errors import (
    ClientGone,
    GatewayError,
    bad_gateway,
    gateway_timeout,
)
from fastapp.gateway.handshakes import switched_only
from fastapp.gateway.headers import Headers, Hop, Rewrite, request_headers, response_headers
from fastapp.gateway.paths import upstream_path
from fastapp.gateway.scope import UPSTREAM
from fastapp.logs.logged import AlreadyLogged

logger = logging.getLogger("fastapp.gateway")

#: Requests that may be sent to another upstream when the first broke off.
REPLAYABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
#: No connection was made, so nothing was sent: any request may go to another upstream.
UNCONNECTED: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
#: What the HTTP client would add; the client of the gateway did not say it.
SKIPPED: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
BUFFER: Final = 65536

_CORS = frozenset(
    b"access-control-" + name
    for name in (
        b"allow-origin",
        b"allow-credentials",
        b"allow-methods",
        b"allow-headers",
        b"expose-headers",
        b"max-age",
    )
)
_NO_BODY = frozenset({204, 304})
_NOTHING: frozenset[bytes] = frozenset()
_LENGTH = frozenset({b"content-length"})


def open_session(
    config: GatewayConfig,
    connector: aiohttp.BaseConnector | None = None,
    middlewares: Sequence[aiohttp.ClientMiddlewareType] = (),
) -> aiohttp.ClientSession:
    """The HTTP client of the process: one pool of connections, kept alive and used again.

    It changes nothing on the way: no cookies of its own, no decompression, no proxies or passwords
    of the environment. Who calls it says that redirects are not followed.
    """
    return aiohttp.ClientSession(
        connector=connector
        or aiohttp.TCPConnector(limit=0, keepalive_timeout=config.keepalive_timeout),
        connector_owner=connector is None,
        middlewares=middlewares,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=SKIPPED,
        trust_env=False,
        read_bufsize=BUFFER,
        max_line_size=BUFFER,
        max_field_size=BUFFER,
        timeout=aiohttp.ClientTimeout(
            total=None,
            connect=None,
            sock_connect=config.connect_timeout,
            sock_read=config.read_timeout,
        ),
    )


def to_text(headers: Headers) -> list[tuple[str, str]]:
    """Headers for the HTTP client, in order, repeated ones repeated.

    The client writes UTF-8, so values that are no UTF-8 arrive as the UTF-8 of their Latin-1 text.
    """
    made = []
    for name, value in headers:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        made.append((name.decode("latin-1"), text))
    return made


def is_final(status: int) -> bool:
    """Whether a service may end a request with this status; HTTP has no other."""
    return 200 <= status <= 599


def upstream_url(scope: Scope, upstream: Upstream, prefix: str | None, hop: Hop) -> URL:
    """Where a request goes at an upstream: its path and query, byte by byte."""
    raw_path: str = scope["raw_path"].decode("latin-1")
    query: bytes = scope["query_string"]
    path = upstream_path(raw_path, prefix, upstream.base, bool(hop.prefix))
    suffix = f"?{query.decode('latin-1')}" if query else ""
    return URL(f"{upstream.origin}{path}{suffix}", encoded=True)


class Proxy:
    """Passes requests on to the upstreams of a directory."""

    def __init__(self, config: GatewayConfig, directory: Directory, *, own_cors: bool) -> None:
        self.config = config
        self.directory = directory
        # What services say of CORS is left out when the gateway says it: two answers are none.
        self._drop = _CORS if own_cors else _NOTHING
        self.allowed_hosts: tuple[str, ...] = ()
        self.session: aiohttp.ClientSession | None = None
        self._handshakes: aiohttp.ClientSession | None = None

    def connect(self) -> aiohttp.ClientSession:
        """The session, opened at first use, as an embedded application may have no lifespan."""
        if self.session is None or self.session.closed:
            self.session = open_session(self.config)
        return self.session

    def handshakes(self) -> aiohttp.ClientSession:
        """The session for WebSockets, on the same connections."""
        session = self.connect()
        if self._handshakes is None or self._handshakes.connector is not session.connector:
            self._handshakes = open_session(self.config, session.connector, (switched_only,))
        return self._handshakes

    def connections(self, upstream: Upstream) -> dict[str, int]:
        """How many connections to an upstream are "in_use" and how many "free"."""
        connector: Any = None if self.session is None else self.session.connector
        if connector is None:
            return {"in_use": 0, "free": 0}
        place = (upstream.host, upstream.port)
        # aiohttp has no public way to tell.
        return {
            state: sum(len(pool) for key, pool in pools.items() if (key.host, key.port) == place)
            for state, pools in (
                ("in_use", connector._acquired_per_host),
                ("free", connector._conns),
            )
        }

    async def close(self) -> None:
        """Close all connections to services."""
        for session in (self._handshakes, self.session):
            if session is not None:
                await session.close()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, pool: Pool, prefix: str | None, hop: Hop
    ) -> None:
        """Pass one request on.

        Raises:
            GatewayError: there is no answer of a service; nothing has been sent to the client.
            ClientGone: the client went away.
        """
        config = self.config
        body = RequestBody(scope["headers"], receive, config.max_body_bytes, config.client_timeout)
        if body.error is not None:
            raise body.error
        watch = DisconnectWatch(body, receive)
        upstream: Upstream | None = None
        response: aiohttp.ClientResponse | None = None
        try:
            upstream, response = await self._request(scope, body, pool, prefix, hop)
            await self._answer(scope, send, upstream, response, hop)
        except asyncio.CancelledError:
            if watch.gone:
                raise ClientGone from None
            raise
        finally:
            watch.stop()
            if upstream is not None:
                upstream.active -= 1
            if response is not None:
                # Closes the connection unless all of the answer has been read.
                response.close()

    async def _request(
        self, scope: Scope, body: RequestBody, pool: Pool, prefix: str | None, hop: Hop
    ) -> tuple[Upstream, aiohttp.ClientResponse]:
        session = self.connect()
        method: str = scope["method"]
        headers = to_text(request_headers(scope["headers"], hop))
        replayable = method in REPLAYABLE and not body.present
        tried: list[Upstream] = []
        error: GatewayError | None = None
        while len(tried) <= self.config.retries:
            upstream = pool.choose(tried)
            if upstream is None:
                break
            tried.append(upstream)
            scope[UPSTREAM] = upstream.url
            upstream.active += 1
            response: aiohttp.ClientResponse | None = None
            sent = True
            try:
                response = await session.request(
                    method,
                    upstream_url(scope, upstream, prefix, hop),
                    headers=headers,
                    data=body.__aiter__() if body.present else None,
                    allow_redirects=False,
                )
            except aiohttp.ClientError as exc:
                if body.error is not None:
                    # Not the service's fault.
                    raise body.error from exc
                error = self.failed(upstream, exc)
                sent = body.started or not isinstance(exc, UNCONNECTED)
            finally:
                if response is None:
                    upstream.active -= 1
            if response is not None:
                self.directory.succeeded(upstream)
                return upstream, response
            # A service that received the request may have acted on it.
            if sent and (not replayable or (error is not None and error.status == 504)):
                break
        raise error or bad_gateway()

    def failed(self, upstream: Upstream, exc: aiohttp.ClientError | TimeoutError) -> GatewayError:
        """Log and count that an upstream gave no answer; returns what to tell the client."""
        logger.warning("upstream %s: %s: %s", upstream.url, type(exc).__name__, exc)
        timeout = isinstance(exc, TimeoutError)
        dead = isinstance(exc, UNCONNECTED)
        upstream.errors["connect" if dead else "timeout" if timeout else "broken"] += 1
        # A slow answer says nothing of the service as a whole.
        if dead or not timeout:
            self.directory.failed(upstream, dead=dead)
        return gateway_timeout() if timeout else bad_gateway()

    async def _answer(
        self,
        scope: Scope,
        send: Send,
        upstream: Upstream,
        response: aiohttp.ClientResponse,
        hop: Hop,
    ) -> None:
        drop = self._drop
        content = response.content
        status = response.status
        if not is_final(status):
            logger.warning("upstream %s: no final status: %d", upstream.url, status)
            upstream.errors["broken"] += 1
            raise bad_gateway()
        if status in _NO_BODY or (response.headers.get("Transfer-Encoding") is not None):
            drop |= _LENGTH
        if response.content_type == "text/event-stream":
            _allow_silence(response)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": response_headers(
                    response.raw_headers,
                    drop=drop,
                    location=Rewrite(upstream.origin, upstream.base, hop.public, hop.prefix),
                ),
            }
        )
        if scope["method"] == "HEAD" or status in _NO_BODY:
            await send(_body(b"", more=False))
            return
        more = True
        while more:
            try:
                chunk = await content.readany()
            except (aiohttp.ClientError, TimeoutError) as exc:
                # The head is out: only breaking the connection tells the client.
                upstream.errors["timeout" if isinstance(exc, TimeoutError) else "broken"] += 1
                logger.warning(
                    "upstream %s broke off in the middle of its answer: %s",
                    *(upstream.url, " ".join(str(exc).split()) or type(exc).__name__),
                )
                raise BrokenAnswerError from exc
            more = not content.at_eof()
            await send(_body(chunk, more=more))


class BrokenAnswerError(AlreadyLogged):
    """The service broke off in the middle of its answer."""


def _body(chunk: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def _allow_silence(response: aiohttp.ClientResponse) -> None:
    """Switch the read timeout off: events may be hours apart."""
    connection = response.connection
    protocol: Any = None if connection is None else connection.protocol
    if protocol is not None:
        protocol.read_timeout = None
        # Ends the one that runs.
        protocol.start_timeout()
