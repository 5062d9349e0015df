"""Ending a server without losing a request that is on its way.

A client's request is lost at the end of a server in three ways: its connection waits to be accepted
when the listener is closed, it has connected and not sent its request yet, or it sends the next
request on an idle connection while the server closes that. uvicorn's own shutdown has all three.

Here the server first accepts the connections that wait and then closes its listeners. For a grace
it goes on to answer what arrives on connections that are open, and each answer says that it was the
last one of its connection. Idle connections are closed at the end of the grace.
"""

from __future__ import annotations

import array
import asyncio
import logging
import math
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from fastapp.leaving import PATIENCE, leave_within
from fastapp.refusals import refusal

logger = logging.getLogger("fastapp.server")

#: Seconds for accepting waiting connections when SHUTDOWN_GRACE is shorter.
ACCEPTING: Final = 0.5
#: Seconds between two looks at what is left.
INTERVAL: Final = 0.02
#: Seconds that the client of a WebSocket gets to answer that it is closed.
CLOSING: Final = 5.0
#: Of RFC 6455: the server goes away.
GOING_AWAY: Final = 1001

_SO_ATTACH_FILTER: Final = 26
#: Classic BPF: load the byte with the TCP flags; drop the segment when SYN is set, else take it.
_REFUSE_SYN: Final = (
    (0x30, 0, 0, 13),
    (0x45, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFFFFFF),
)
#: Of ``struct tcp_info``: for a listener, how many connections wait to be accepted.
_WAITING_OFFSET: Final = 24


def refuse_new_connections(listeners: Sequence[socket.socket]) -> bool:
    """Have the kernel ignore new connections from now on.

    Connections that are waiting to be accepted stay. When a listening socket is closed they are
    reset, with the requests that their clients sent already. With this done first, the server
    accepts all there are, and no connection is left to be reset. A client that comes too late tries
    again by itself, and is refused as soon as the socket is closed.

    Returns:
        Whether it was done; only Linux can.
    """
    if sys.platform != "linux":
        return False
    code = array.array("B", b"".join(struct.pack("HBBI", *op) for op in _REFUSE_SYN))
    program = struct.pack("HL", len(_REFUSE_SYN), code.buffer_info()[0])
    done = True
    for listener in listeners:
        try:
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        except OSError:
            done = False
    return done


def waiting_connections(listeners: Sequence[socket.socket]) -> int:
    """How many connections wait to be accepted; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    waiting = 0
    for listener in listeners:
        try:
            info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WAITING_OFFSET + 4)
        except OSError:
            continue
        waiting += int.from_bytes(info[_WAITING_OFFSET:], sys.byteorder)
    return waiting


class DrainingWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which answers each handshake and says why it ends."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # uvicorn logs each with its query, which may be a token. The line of the log is ours.
        self.logger = logging.getLogger("fastapp.websockets")
        # "Connection: close" is for answers of HTTP.
        self.default_headers = [item for item in self.default_headers if item[0] != b"connection"]

    def data_received(self, data: bytes) -> None:
        """Read; refuse a handshake whose head the library does not read, which uvicorn forgets."""
        super().data_received(data)
        if self.handshake_initiated or self.conn.handshake_exc is None:
            return
        self.logger.warning("Invalid WebSocket handshake received.")
        self.handshake_complete = self.close_sent = True
        # The library has an answer to what is too long for it, and none to what it cannot read.
        is_too_long = b"".join(self.conn.data_to_send()) != b""
        self.transport.write(refusal(431 if is_too_long else 400))
        self.transport.close()

    def shutdown(self) -> None:
        """Say 1001 at the first call; close at the second."""
        if not self.handshake_complete or self.close_sent or self.close_timer is not None:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
        self.conn.send_close(GOING_AWAY)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_timer = self.loop.call_later(CLOSING, self.transport.close)


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which says goodbye before it closes connections.

    Args:
        config: as uvicorn's.
        grace: seconds in which what arrives on open connections is answered.
    """

    #: Whether the listeners end with this server; not so where another process goes on with them.
    owns_listeners = True

    def __init__(self, config: uvicorn.Config, grace: float) -> None:
        super().__init__(config)
        self.grace = grace

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say where: uvicorn does not for sockets that it is given."""
        await super().startup(sockets)
        if self.started and sockets and self.owns_listeners:
            host, port, *_ = sockets[0].getsockname()
            shown = f"[{host}]" if ":" in host else host
            logger.info("Uvicorn running on http://%s:%d", shown, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: no new connection, but what is open is answered, for the grace."""
        limit = self.config.timeout_graceful_shutdown
        end = math.inf if limit is None else time.monotonic() + limit
        if not self.force_exit:
            self._announce_the_end()
            await self._stop_listening(sockets or [], end)
            await self._answer_what_arrives(end)
        if limit is not None:
            self.config.timeout_graceful_shutdown = max(0, round(end - time.monotonic()))
        await super().shutdown(sockets)
        leave_within(PATIENCE)

    async def _stop_listening(self, sockets: Sequence[socket.socket], end: float) -> None:
        """Accept all that wait, which the loop does one by one, and close the listeners."""
        if self.owns_listeners:
            refuse_new_connections(sockets)
        limit = min(time.monotonic() + max(self.grace, ACCEPTING), end)
        while waiting_connections(sockets) and time.monotonic() < limit:  # noqa: ASYNC110 - no event
            await asyncio.sleep(INTERVAL)
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        # An accepted connection may be one turn of the loop away from being known.
        await asyncio.sleep(INTERVAL)

    def _announce_the_end(self) -> None:
        """Have each answer from now on say that it is the last one of its connection."""
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]
        for connection in self.server_state.connections:
            if isinstance(connection, HttpToolsProtocol) and connection.cycle is not None:
                # The one in flight is the last one, too.
                connection.cycle.keep_alive = False

    async def _answer_what_arrives(self, end: float) -> None:
        """Let each client send another request, and tell WebSockets to connect elsewhere."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, DrainingWebSocket):
                connection.shutdown()
        limit = min(time.monotonic() + self.grace, end)
        while self.server_state.connections and not self.force_exit:
            if time.monotonic() > limit:
                return
            await asyncio.sleep(INTERVAL)
