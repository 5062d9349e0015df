"""Passing a WebSocket on: text, binary, close codes, subprotocols; pings are answered per hop."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
from starlette.types import Receive, Scope, Send

from fastapp.gateway.balancing import Pool, Upstream
from fastapp.gateway.errors import GatewayError, bad_gateway, gateway_timeout, unavailable
from fastapp.gateway.headers import (
    Headers,
    Hop,
    request_headers,
    response_headers,
    without_websocket,
)
from fastapp.gateway.proxy import Proxy, to_text, upstream_url
from fastapp.gateway.scope import UPSTREAM

logger = logging.getLogger("fastapp.gateway")

NORMAL = 1000
GOING_AWAY = 1001
INTERNAL_ERROR = 1011
# These tell what happened and may not be sent (RFC 6455 section 7.4.1).
_NEVER_SENT = {0: NORMAL, 1004: NORMAL, 1005: NORMAL, 1006: GOING_AWAY, 1015: GOING_AWAY}
HEARTBEAT = 30.0
CLOSE_TIMEOUT = 5.0


def sendable(code: int | None) -> int:
    """The close code that may be sent for one that was received."""
    return _NEVER_SENT.get(code or 0, code or NORMAL)


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
        GatewayError: the service can not be reached or refused; nothing has been accepted.
    """
    upstream, socket = await _connect(proxy, scope, pool, prefix, hop)
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
    for _ in range(1 + proxy.config.retries):
        upstream = pool.choose(tried)
        if upstream is None:
            break
        tried.append(upstream)
        scope[UPSTREAM] = upstream.url
        upstream.active += 1
        try:
            async with asyncio.timeout(proxy.config.connect_timeout + proxy.config.read_timeout):
                socket = await proxy.connect().ws_connect(
                    upstream_url(scope, upstream, prefix, hop),
                    headers=headers,
                    protocols=scope.get("subprotocols", ()),
                    max_msg_size=proxy.config.max_message_bytes,
                    heartbeat=HEARTBEAT,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
                )
        except aiohttp.WSServerHandshakeError as exc:
            upstream.active -= 1
            proxy.directory.succeeded(upstream)
            raise _refused(exc.status) from exc
        except aiohttp.ClientConnectorError as exc:
            upstream.active -= 1
            upstream.errors["connect"] += 1
            logger.warning("upstream %s: %s", upstream.url, exc)
            proxy.directory.failed(upstream, dead=True)
            error = bad_gateway()
        except TimeoutError as exc:
            upstream.active -= 1
            upstream.errors["timeout"] += 1
            raise gateway_timeout() from exc
        except aiohttp.ClientError as exc:
            upstream.active -= 1
            upstream.errors["broken"] += 1
            logger.warning("upstream %s: %s", upstream.url, exc)
            proxy.directory.failed(upstream, dead=False)
            error = bad_gateway()
        except BaseException:
            upstream.active -= 1
            raise
        else:
            proxy.directory.succeeded(upstream)
            return upstream, socket
    raise error or unavailable()


def _refused(status: int) -> GatewayError:
    if 400 <= status < 500:
        return GatewayError(status, "refused", "The service refused the WebSocket.")
    return bad_gateway()


def _handshake_headers(socket: aiohttp.ClientWebSocketResponse) -> Headers:
    """What the service said at the handshake, such as Set-Cookie."""
    headers = response_headers(socket._response.raw_headers)
    return [
        (name.lower(), value)
        for name, value in without_websocket([(name.lower(), value) for name, value in headers])
        if name not in (b"date", b"server", b"content-length", b"x-request-id")
    ]


async def _relay(socket: aiohttp.ClientWebSocketResponse, receive: Receive, send: Send) -> None:
    # Each direction waits for its own writer: a slow reader slows the sender down and nobody else.
    up = asyncio.create_task(_client_to_service(socket, receive))
    down = asyncio.create_task(_service_to_client(socket, send))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        if up.done() and not up.cancelled() and up.exception() is None:
            # The close frame of the service is still to come, nobody waits for it.
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
