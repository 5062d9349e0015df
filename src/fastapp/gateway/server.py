"""Serving the gateway: uvicorn with limits on what a client may take its time with."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from fastapp.draining import DrainingServer
from fastapp.gateway.config import GatewayConfig
from fastapp.limits import LimitedProtocol

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings
    from fastapp.gateway.application import Gateway

PROTOCOL: Final = "httptools"
#: Most that is held back for a turn of the loop.
HELD: Final = 32768


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


class _GatewayProtocol(LimitedProtocol):
    """Limits, and fewer system calls."""

    # The proxy has its own clock for bodies: it knows when it reads.
    body_timeout = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hold answers together."""
        super().connection_made(transport)
        held: Any = _Coalescing(transport, self.loop)
        self.transport = held

    def handle_websocket_upgrade(self) -> None:
        """Hand the plain transport over."""
        held: Any = self.transport
        held.flush()
        self.transport = held.raw
        super().handle_websocket_upgrade()


def protocol(config: GatewayConfig) -> type[LimitedProtocol]:
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
        # Ours has the upstream and the time that it took (fastapp.access).
        "access_log": False,
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
