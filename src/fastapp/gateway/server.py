"""Serving the gateway: uvicorn with limits on what a client may take its time with."""

from __future__ import annotations

import gc
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from fastapp.draining import DrainingServer, DrainingWebSocket
from fastapp.limits import limited

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings
    from fastapp.gateway.application import Gateway


def server_options(settings: BaseSettings, gateway: Gateway) -> dict[str, Any]:
    """Arguments of ``uvicorn.run`` besides the address."""
    from fastapp.logs import logging_config

    return {
        "loop": "uvloop",
        # No time limit of bodies: the proxy has its own, as it knows when it reads.
        "http": limited(gateway.config.max_header_bytes, gateway.config.client_timeout, None),
        "ws": DrainingWebSocket,
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

    Open connections then get SHUTDOWN_GRACE for what they send, and requests in flight
    SHUTDOWN_TIMEOUT to finish.
    """
    config = uvicorn.Config(gateway, host=host, port=port, **server_options(settings, gateway))
    return Server(config, settings.SHUTDOWN_GRACE)
