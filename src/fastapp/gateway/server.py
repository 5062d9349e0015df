"""Serving the gateway: uvicorn with limits on what a client may take its time with."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from fastapp.draining import DrainingProtocol, DrainingServer
from fastapp.gateway.config import GatewayConfig

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings
    from fastapp.gateway.application import Gateway

PROTOCOL: Final = "httptools"
#: Most that is held back for a turn of the loop.
HELD: Final = 32768
_PHRASES: Final = {
    400: ("bad_request", "Bad Request", "The request is not valid HTTP."),
    408: ("request_timeout", "Request Timeout", "The request did not arrive in time."),
    431: (
        "headers_too_large",
        "Request Header Fields Too Large",
        "The request line and headers are too large.",
    ),
}


class _Coalescing:
    """A transport that writes once in a turn of the loop.

    The server writes the head and the body of an answer separately, which is two system calls, the
    most expensive part of a small request.
    """

    __slots__ = ("_held", "_loop", "_size", "raw")

    def __init__(self, raw: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.raw = raw
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Hold the data until the next turn of the loop, unless it is much."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > HELD:
            self.flush()

    def flush(self) -> None:
        """Write what is held. Back-pressure is the transport's, which tells the protocol."""
        held, self._held, self._size = self._held, [], 0
        if held and not self.raw.is_closing():
            self.raw.write(b"".join(held) if len(held) > 1 else held[0])

    def close(self) -> None:
        """Close when everything has been sent."""
        self.flush()
        self.raw.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


class _GatewayProtocol(DrainingProtocol):
    """uvicorn's protocol with a limit of size and of time for the head of a request.

    The parser itself has neither: a client that sends its headers byte by byte, or never ends
    them, would hold a connection, or memory, for ever.
    """

    max_header_bytes = 65536
    header_timeout = 60.0

    _head_bytes = 0
    _in_head = False
    _refused = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a client that says nothing at all is cut off as well."""
        super().connection_made(transport)
        held: Any = _Coalescing(transport, self.loop)
        self.transport = held
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._disarm()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the plain transport over."""
        held: Any = self.transport
        held.flush()
        self.transport = held.raw
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Parse, and count while in a head."""
        if self._refused:
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.max_header_bytes:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        if self._timer is None:
            self._arm()

    def on_url(self, url: bytes) -> None:
        """A part of the request line."""
        super().on_url(url)
        if len(self.url) > self.max_header_bytes:
            self._refuse(431)

    def on_headers_complete(self) -> None:
        """The head is there: the application may have it."""
        self._in_head = False
        self._disarm()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.max_header_bytes:
            self._refuse(431)
        if self.parser.get_http_version() not in ("1.1", "1.0"):
            self._refuse(400)
        if self._refused:
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of the body."""
        if not self._refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """The uniform error instead of a line of text."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy and self.cycle.response_started:
            # In the middle of an answer another one would be taken for a part of it.
            self.transport.close()
            return
        self._refuse(400)

    def _refuse(self, status: int) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._disarm()
        error, phrase, message = _PHRASES[status]
        body = json.dumps(
            {"error": error, "message": message, "detail": None, "request_id": "-"}
        ).encode()
        head = (
            f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _arm(self) -> None:
        self._timer = self.loop.call_later(self.header_timeout, self._refuse, 408)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol(config: GatewayConfig) -> type[DrainingProtocol]:
    """uvicorn's ``http`` argument for a gateway of this configuration."""
    return type(
        "GatewayProtocol",
        (_GatewayProtocol,),
        {
            "max_header_bytes": config.max_header_bytes,
            "header_timeout": config.client_timeout,
        },
    )


def server_options(settings: BaseSettings, gateway: Gateway) -> dict[str, Any]:
    """Arguments of ``uvicorn.run`` besides the address."""
    from fastapp.logs import logging_config

    return {
        "loop": "uvloop",
        "http": protocol(gateway.config),
        "ws": "websockets-sansio",
        "ws_max_size": gateway.config.max_message_bytes,
        # Compression costs a third of a MiB for each idle socket; the services do without too.
        "ws_per_message_deflate": False,
        "lifespan": "on",
        "log_config": logging_config(settings),
        # The services' own go through; a second one of each would be ours.
        "server_header": False,
        "date_header": False,
        # The gateway reads X-Forwarded-* itself: it needs the real address of the peer.
        "proxy_headers": False,
        "timeout_graceful_shutdown": settings.SHUTDOWN_TIMEOUT,
    }


class Server(DrainingServer):
    """A server that keeps out of its requests' way."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, with all that has been imported out of the garbage collector's sight.

        It would look at it again and again, and requests would wait meanwhile.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()


def make_server(settings: BaseSettings, gateway: Gateway, host: str, port: int) -> Server:
    """A server that serves until SIGTERM or SIGINT.

    Requests in flight then get SHUTDOWN_TIMEOUT to finish.
    """
    options = server_options(settings, gateway)
    return Server(uvicorn.Config(gateway, host=host, port=port, **options))
