"""Writing an answer with one system call."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Most that is held back for a turn of the loop.
HELD: Final = 32768


class CoalescingTransport:
    """A transport that writes once in a turn of the loop.

    The server writes the head and the body of an answer separately, which is two system calls, the
    most expensive part of a small request.
    """

    __slots__ = ("_held", "_loop", "_raw", "_size")

    def __init__(self, raw: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._raw = raw
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
        """Write what is held. Back-pressure is the transport's, which informs the protocol."""
        held, self._held, self._size = self._held, [], 0
        if held and not self._raw.is_closing():
            self._raw.write(b"".join(held) if len(held) > 1 else held[0])

    def close(self) -> None:
        """Close when everything has been sent."""
        self.flush()
        self._raw.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


class CoalescingProtocol(HttpToolsProtocol):
    """uvicorn's protocol on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(transport)
        held: Any = CoalescingTransport(transport, self.loop)
        self.transport = held
