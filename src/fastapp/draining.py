"""Ending a server without losing a request that is on its way.

A client's request is lost at the end of a server in three ways: its connection waits to be accepted
when the listener is closed, it has connected and not sent its request yet, or it sends the next
request on an idle connection while the server closes that. uvicorn's own shutdown has all three.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.supervisors import Multiprocess

from fastapp.coalescing import CoalescingProtocol

#: Seconds in which clients that send one request after the other get an answer that tells them to
#: connect anew, before idle connections are closed.
LINGER: Final = 0.25
#: Seconds that a connection is given on which no request has come yet.
FIRST_REQUEST: Final = 1.0
#: Most seconds until all that wait have been accepted.
ACCEPTING: Final = 0.5

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
    """Have the kernel ignore whoever wants to connect from now on.

    Connections that are waiting to be accepted stay. When a listening socket is closed they are
    reset, with the requests that their clients sent already. With this done first, the server
    accepts all there are, and nobody is left to be reset. A client that comes too late tries
    again by itself, and is refused as soon as the socket is closed.

    Returns:
        Whether it was done; only Linux can.
    """
    if sys.platform != "linux":
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *op) for op in _REFUSE_SYN))
    program = struct.pack("HL", len(_REFUSE_SYN), ctypes.addressof(code))
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


class DrainingProtocol(CoalescingProtocol):
    """uvicorn's protocol, which answers a request that is on its way when the server ends."""

    _draining = False

    def shutdown(self) -> None:
        """Begin to drain: the request in flight, and one that is on its way, are answered."""
        self._draining = True
        # None until the first request; uvicorn's annotation does not say so.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None:
            self.loop.call_later(FIRST_REQUEST, self._close_idle)
        elif cycle.response_complete:
            self.loop.call_later(LINGER, self._close_idle)
        else:
            cycle.keep_alive = False

    def on_headers_complete(self) -> None:
        """A request that arrives while draining is the last one of its connection."""
        super().on_headers_complete()
        if self._draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def _close_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which says goodbye before it stops listening."""

    #: Whether the listeners end with this server; not so where another process goes on with them.
    owns_listeners = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: no new connection, but all that wait are accepted, and what they ask answered.

        Answers meanwhile say "Connection: close".
        """
        self.server_state.default_headers.append((b"connection", b"close"))
        if not self.force_exit:
            await asyncio.sleep(LINGER)
            if self.owns_listeners:
                await self._accept_what_waits()
        await super().shutdown(sockets)

    async def _accept_what_waits(self) -> None:
        listeners = [listener for server in self.servers for listener in server.sockets]
        plain = [socket.socket(fileno=listener.fileno()) for listener in listeners]
        try:
            refuse_new_connections(plain)
            limit = time.monotonic() + ACCEPTING
            # Once at least: what the kernel has handed over is still to become a connection.
            await asyncio.sleep(0.01)
            while waiting_connections(plain) and time.monotonic() < limit:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        finally:
            for taken in plain:
                taken.detach()


class DrainingWorkers(Multiprocess):
    """uvicorn's parent of several processes, whose common listeners it empties before the end."""

    def terminate_all(self) -> None:
        """End the workers once they have accepted every connection there is."""
        refuse_new_connections(self.sockets)
        limit = time.monotonic() + ACCEPTING
        while waiting_connections(self.sockets) and time.monotonic() < limit:
            time.sleep(0.01)
        super().terminate_all()
