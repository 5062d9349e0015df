"""The body of a request on its way to the service: chunk by chunk, never held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.types import Receive

from fastapp.gateway.errors import ClientGone, GatewayError, client_timeout, too_large
from fastapp.gateway.headers import Headers, first


class RequestBody:
    """Reads from the server what the HTTP client writes, when the client can write.

    Attributes:
        present: the request has a body.
        error: why reading ended early; None when it did not.
        started: something has been read: the request cannot be sent a second time.
        complete: all of it has been read.
    """

    __slots__ = (
        "_limit",
        "_on_complete",
        "_receive",
        "_timeout",
        "complete",
        "error",
        "present",
        "started",
    )

    def __init__(self, headers: Headers, receive: Receive, limit: int, timeout: float) -> None:
        length = first(headers, b"content-length")
        self.present = (
            first(headers, b"transfer-encoding") is not None
            if length is None
            else length.strip(b"0 ") != b""
        )
        self._receive = receive
        self._limit = limit
        self._timeout = timeout
        self.error: GatewayError | ClientGone | None = None
        self.started = False
        self.complete = not self.present
        self._on_complete: Callable[[], None] | None = None
        if limit and length is not None and int(length) > limit:
            self.error = too_large(limit)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks. Back-pressure comes by itself: nothing is read until it is asked for."""
        self.started = True
        total = 0
        more = True
        while more:
            try:
                async with asyncio.timeout(self._timeout):
                    message = await self._receive()
            except TimeoutError:
                self.error = client_timeout()
                raise self.error from None
            if message["type"] != "http.request":
                self.error = ClientGone()
                raise self.error
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            total += len(chunk)
            if self._limit and total > self._limit:
                self.error = too_large(self._limit)
                raise self.error
            if chunk:
                yield chunk
        self.complete = True
        if self._on_complete is not None:
            self._on_complete()

    def when_complete(self, call: Callable[[], None]) -> None:
        """Call ``call`` when all has been read, or now when it has."""
        if self.complete:
            call()
        else:
            self._on_complete = call


class DisconnectWatch:
    """Ends a request whose client has gone: a service must not stream to no one.

    ASGI servers tell of it only when asked, and asking takes a task. Most requests are over before
    one is worth it, so it starts late.
    """

    __slots__ = ("_body", "_handle", "_receive", "_task", "_watched", "gone")

    DELAY = 1.0

    def __init__(self, body: RequestBody, receive: Receive) -> None:
        self._body = body
        self._receive = receive
        self._task: asyncio.Task[None] | None = None
        self._watched = asyncio.current_task()
        self.gone = False
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(self.DELAY, body.when_complete, self._start)

    def _start(self) -> None:
        if self._watched is not None:
            self._task = asyncio.get_running_loop().create_task(self._watch(self._watched))

    async def _watch(self, watched: asyncio.Task[object]) -> None:
        # Without a body the server still gives one empty message first.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        watched.cancel()

    def stop(self) -> None:
        """The request is over."""
        self._watched = None
        self._handle.cancel()
        if self._task is not None:
            self._task.cancel()
