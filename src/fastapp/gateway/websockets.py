"""Passing a WebSocket on: text, binary, close codes, subprotocols; pings are answered per hop."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import aiohttp
from starlette.types import Receive, Scope, Send

from fastapp.gateway.balancing import Pool, Upstream
from fastapp.gateway.errors import GatewayError, bad_gateway
from fastapp.gateway.handshakes import HandshakeRefused
from fastapp.gateway.headers import (
    Headers,
    Hop,
    Rewrite,
    request_headers,
    response_headers,
    without_websocket,
)
from fastapp.gateway.proxy import UNCONNECTED, Proxy, is_final, to_text, upstream_url
from fastapp.gateway.scope import UPSTREAM

logger = logging.getLogger("fastapp.gateway")

NORMAL = 1000
GOING_AWAY = 1001
INTERNAL_ERROR = 1011
# These tell what happened and may not be sent (RFC 6455 section 7.4.1).
_NEVER_SENT = {0: NORMAL, 1004: NORMAL, 1005: NORMAL, 1006: GOING_AWAY, 1015: GOING_AWAY}
POLICY_VIOLATION: Final = 1008
#: The extension of ASGI by which a handshake gets an answer of HTTP.
DENIAL: Final = "websocket.http.response"
_LENGTH = frozenset({b"content-length"})
HEARTBEAT = 30.0
CLOSE_TIMEOUT = 5.0


def sendable(code: int | None) -> int:
    """The close code that may be sent for one that was received."""
    return _NEVER_SENT.get(code or 0, code or NORMAL)


class WebSocketRefused(Exception):
    """The service took no WebSocket; what it said instead is for the client.

    Attributes:
        refusal: its answer.
        upstream: where it came from.
    """

    def __init__(self, refusal: HandshakeRefused, upstream: Upstream) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal
        self.upstream = upstream


async def proxy_websocket(
    proxy: Proxy,
    scope: Scope,
    receive: Receive,
    send: Send,
    pool: Pool,
    prefix: str | None,
    hop: Hop,
) -> None:
    """Pass one WebSocket on, until either side closes it.

    Raises:
        GatewayError: the service cannot be reached or refused; nothing has been accepted.
    """
    try:
        upstream, socket = await _connect(proxy, scope, pool, prefix, hop)
    except WebSocketRefused as exc:
        await _refuse(scope, send, exc, hop)
        return
    try:
        await receive()  # websocket.connect
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": socket.protocol,
                "headers": _handshake_headers(socket),
            }
        )
        await _relay(socket, receive, send)
    finally:
        upstream.active -= 1
        if not socket.closed:
            await socket.close(code=GOING_AWAY)


async def _connect(
    proxy: Proxy, scope: Scope, pool: Pool, prefix: str | None, hop: Hop
) -> tuple[Upstream, aiohttp.ClientWebSocketResponse]:
    headers = to_text(without_websocket(request_headers(scope["headers"], hop)))
    tried: list[Upstream] = []
    error: GatewayError | None = None
    # A handshake has no effects: any upstream will do.
    while len(tried) <= proxy.config.retries:
        upstream = pool.choose(tried)
        if upstream is None:
            break
        tried.append(upstream)
        scope[UPSTREAM] = upstream.url
        upstream.active += 1
        socket: aiohttp.ClientWebSocketResponse | None = None
        try:
            async with asyncio.timeout(proxy.config.connect_timeout + proxy.config.read_timeout):
                socket = await proxy.handshakes().ws_connect(
                    upstream_url(scope, upstream, prefix, hop),
                    headers=headers,
                    protocols=scope.get("subprotocols", ()),
                    max_msg_size=proxy.config.max_message_bytes,
                    heartbeat=HEARTBEAT,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
                )
        except HandshakeRefused as exc:
            proxy.directory.succeeded(upstream)
            raise WebSocketRefused(exc, upstream) from exc
        except aiohttp.WSServerHandshakeError as exc:
            proxy.directory.succeeded(upstream)
            logger.warning("upstream %s: no WebSocket: %s", upstream.url, exc.message)
            raise bad_gateway() from exc
        except (aiohttp.ClientError, TimeoutError) as exc:
            error = proxy.failed(upstream, exc)
            if isinstance(exc, TimeoutError) and not isinstance(exc, UNCONNECTED):
                # A slow handshake would be as slow again.
                break
        finally:
            if socket is None:
                upstream.active -= 1
        if socket is not None:
            proxy.directory.succeeded(upstream)
            return upstream, socket
    raise error or bad_gateway()


async def _refuse(scope: Scope, send: Send, refused: WebSocketRefused, hop: Hop) -> None:
    """Pass the answer of the service on."""
    refusal, upstream = refused.refusal, refused.upstream
    if not is_final(refusal.status):
        raise bad_gateway() from refused
    if DENIAL not in scope.get("extensions", {}):
        # Closing before accepting makes the server answer the handshake with 403.
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    location = Rewrite(upstream.origin, upstream.base, hop.public, hop.prefix)
    headers = response_headers(refusal.headers, drop=_LENGTH, location=location)
    kept = without_websocket([(name.lower(), value) for name, value in headers])
    await send({"type": f"{DENIAL}.start", "status": refusal.status, "headers": kept})
    await send({"type": f"{DENIAL}.body", "body": refusal.body})


def _handshake_headers(socket: aiohttp.ClientWebSocketResponse) -> Headers:
    """What the service said at the handshake, such as Set-Cookie."""
    headers = response_headers(socket._response.raw_headers)
    return [
        (name.lower(), value)
        for name, value in without_websocket([(name.lower(), value) for name, value in headers])
        if name not in (b"date", b"server", b"content-length", b"x-request-id")
    ]


async def _relay(socket: aiohttp.ClientWebSocketResponse, receive: Receive, send: Send) -> None:
    # Each direction waits for its own writer: a slow reader slows down its sender alone.
    up = asyncio.create_task(_client_to_service(socket, receive))
    down = asyncio.create_task(_service_to_client(socket, send))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        if up.done() and not up.cancelled() and up.exception() is None:
            # The close frame of the service is still to come; nothing waits for it.
            return
        # The service closed: the client has been told.
    finally:
        for task in (up, down):
            task.cancel()
        for result in await asyncio.gather(up, down, return_exceptions=True):
            if isinstance(result, Exception):
                logger.info("WebSocket ended: %s", result)


async def _client_to_service(socket: aiohttp.ClientWebSocketResponse, receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            reason = (message.get("reason") or "").encode()
            await socket.close(code=sendable(message.get("code")), message=reason[:123])
            return
        text = message.get("text")
        if text is not None:
            await socket.send_str(text)
        else:
            await socket.send_bytes(message["bytes"])


async def _service_to_client(socket: aiohttp.ClientWebSocketResponse, send: Send) -> None:
    while True:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
        else:
            closed = message.type is aiohttp.WSMsgType.CLOSE
            code = sendable(message.data) if closed else INTERNAL_ERROR
            reason = (message.extra or "") if closed else ""
            await send({"type": "websocket.close", "code": code, "reason": reason})
            return
