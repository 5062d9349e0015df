"""uvicorn's protocol with limits of what a client may send and take its time with.

The parser has none of its own: a client that never ends its headers would fill the memory, one
that sends them byte by byte would hold a connection for ever. And it lets through what HTTP leaves
no choice about and what two servers in a row could understand differently.
"""

from __future__ import annotations

import asyncio
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from fastapp.coalescing import CoalescingProtocol
from fastapp.refusals import refusal, refusal_body

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

#: Bytes of an unfinished head that the limit does not count: method, version, and white space that
#: the format does not need. A head near the limit with more of it may be refused.
_SLACK: Final = 256


class _Phase(IntEnum):
    IDLE = 0
    HEAD = 1
    BODY = 2
    #: Of a body whose request has its answer already, so that no one reads it.
    REST = 3


class _RefusedError(Exception):
    """Raised in a callback of the parser, which then reads nothing of the rest."""


class LimitedProtocol(CoalescingProtocol):
    """Refuses ambiguous requests, and heads and bodies that are too large or too slow.

    Attributes:
        max_header_bytes: most bytes of the request line with headers, and of what else is no body:
            extensions of chunks, and trailers.
        header_timeout: seconds for all of the head, also for the first one of a connection; and for
            what is left of a body when the request has its answer.
        body_timeout: seconds that a client may pause in a body while the application reads it; None
            leaves that to the application.
    """

    max_header_bytes = 65536
    header_timeout = 60.0
    body_timeout: float | None = 60.0

    _phase = _Phase.HEAD
    #: Bytes of the headers of this request so far.
    _head_bytes = 0
    #: Bytes of the slices since the one in which the head began, or the last part of a body came.
    _pending = 0
    _deadline = 0.0
    _refused = False
    #: Head of a request whose upgrade is not followed.
    _plain_head: bytes | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a client that says nothing at all is cut off as well."""
        super().connection_made(transport)
        self._deadline = self.loop.time() + self.header_timeout
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what does not become a request."""
        if self._refused or not self._feed_slices(memoryview(data)):
            return
        # The time for the rest of a body is one for all of it.
        if self._phase in (_Phase.IDLE, _Phase.REST) or self._refused:
            return
        if self._phase is _Phase.BODY:
            if self.body_timeout is None:
                return
            self._deadline = self.loop.time() + self.body_timeout
        # Most requests arrive in one piece and need no clock.
        if self._timer is None:
            self._arm()

    def _feed_slices(self, data: memoryview) -> bool:
        """Parse, and refuse what holds memory without an end; whether this is still HTTP.

        The parser does not say where in its input a request begins, so the slice in which it does
        is not counted: slices are small against the limit, but those of a body, which are most of
        what arrives. A head without an end is refused at the latest once it is an eighth and
        `_SLACK` longer than the limit, or twice as long as that limit where it begins with the end
        of a body.
        """
        start = 0
        while start < len(data):
            is_body = self._phase in (_Phase.BODY, _Phase.REST)
            size = max(1, self.max_header_bytes // (1 if is_body else 8))
            piece = data[start : start + size]
            start += size
            self._pending += len(piece)
            if not self._feed(piece):
                return False
            if self._refused:
                break
            slack = _SLACK if self._phase is _Phase.HEAD else 0
            if self._phase is not _Phase.IDLE and self._pending > self.max_header_bytes + slack:
                self._refuse(431)
                break
        return True

    def _feed(self, rest: memoryview) -> bool:
        """Parse; whether this is still HTTP, and no WebSocket."""
        try:
            # A loop, as a client may send a thousand upgrades in one piece.
            while (taken := self._parse(rest)) is not None:
                if self._plain_head is None:
                    # The clock would keep all that is HTTP of the connection in memory.
                    self._disarm()
                    self.handle_websocket_upgrade()
                    return False
                # The parser takes what follows for another protocol. It is the body of the
                # request, or the next one, and reading a body as a request is what smuggling is.
                head, self._plain_head = self._plain_head, None
                self.parser = httptools.HttpRequestParser(self)
                rest = rest[taken:]
                self.parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # The second is CONNECT, which is for proxies: no header makes it a tunnel.
            if not self._refused:
                self.logger.warning("Invalid HTTP request received.")
                self._refuse(400)
        return True

    def _parse(self, data: memoryview) -> int | None:
        """Parse up to the end, or to an upgrade: then the number of bytes up to there."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return int(upgrade.args[0])
        return None

    def on_message_begin(self) -> None:
        """The first byte of a request, which alone ends the time that a connection may be idle."""
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._phase = _Phase.HEAD
        self._head_bytes = self._pending = 0
        self._deadline = self.loop.time() + self.header_timeout

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. Trailers are left out: they come after the headers were checked."""
        if self._phase is _Phase.HEAD:
            self._head_bytes += len(name) + len(value) + 4
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: the application may have it."""
        self._pending = 0
        if len(self.url) + self._head_bytes > self.max_header_bytes:
            self._refuse(431)
            raise _RefusedError
        if not self._is_clear():
            self._refuse(400)
            raise _RefusedError
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._plain_head = self._without_upgrade()
            return
        # Refuses an address that it cannot read; the request has no answer of its own before that.
        super().on_headers_complete()
        self._phase = _Phase.BODY
        if self.scope["http_version"] == "1.0":
            cycle: Any = self.cycle
            cycle.send = _Unframed(cycle).send

    def _is_clear(self) -> bool:
        """Whether every server would read the same in the head."""
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        if version == "1.0":
            # HTTP/1.0 servers do not know chunks (RFC 9112 section 6.1).
            if len(hosts) > 1 or any(name == b"transfer-encoding" for name, _ in self.headers):
                return False
        elif version != "1.1" or len(hosts) != 1:
            return False
        if self.url.startswith(b"/"):
            return True
        # A whole address beats the Host header, which is what all else looks at.
        authority = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
        return [authority.lower()] == [host.lower() for host in hosts]

    def _should_upgrade(self) -> bool:
        """Whether this becomes a WebSocket; one with a body, or of HTTP/1.0, is none."""
        return (
            super()._should_upgrade()
            and self.parser.get_http_version() == "1.1"
            and not any(
                name == b"transfer-encoding"
                or (name == b"content-length" and value.strip(b"0") != b"")
                for name, value in self.headers
            )
        )

    def _without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % item for item in self.headers if item[0] != b"upgrade"]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of the body: behind the answer, it begins the time that a connection may idle."""
        if self._phase is _Phase.REST:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self._phase = _Phase.IDLE
        self._pending = 0
        if self._plain_head is None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The connection is idle now, unless the next request or the body still arrives."""
        super().on_response_complete()
        if self._phase is not _Phase.IDLE:
            self._unset_keepalive_if_required()
        # The body can be that of the request behind this one.
        if (
            self._phase is _Phase.BODY
            and self.cycle.response_complete
            and not self.transport.is_closing()
        ):
            self._phase = _Phase.REST
            self._deadline = self.loop.time() + self.header_timeout
            self._disarm()
            self._arm()

    def _refuse(self, status: int) -> None:
        """Answer with an error, read no more, and close."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._disarm()
        if self._phase is _Phase.REST:
            # The request has its answer; another one would be taken for that of the next.
            self.transport.close()
            return
        # None until the first request; uvicorn's annotation does not say so.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            if self._phase is not _Phase.BODY:
                # What came before is still being answered: that is the last answer.
                cycle.keep_alive = False
                return
            if self.pipeline:
                # The request waits for the answers before its own, newest first: it is the first.
                self.pipeline[0] = (cycle, _refusing(status))
                cycle.keep_alive = False
                return
            if cycle.response_started:
                # In the middle of an answer another one would be taken for a part of it.
                self.transport.close()
                return
        self.transport.write(refusal(status))
        self.transport.close()

    def _arm(self) -> None:
        self._timer = self.loop.call_at(self._deadline, self._check_time)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_time(self) -> None:
        self._timer = None
        if self._phase is _Phase.IDLE:
            return
        if self._phase is _Phase.BODY:
            if self.body_timeout is None:
                return
            if self.flow.read_paused or self.cycle.waiting_for_100_continue:
                # It is us who pause.
                self._deadline = self.loop.time() + self.body_timeout
        if self.loop.time() < self._deadline:
            self._arm()
        else:
            self._refuse(408)


def _refusing(status: int) -> ASGI3Application:
    """An application that answers with an error and reads nothing."""

    async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
        body = refusal_body(status)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return refuse


class _Unframed:
    """Sends to an HTTP/1.0 client, without chunks: the answer ends where the connection does."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._has_length = True

    async def send(self, message: Any) -> None:
        """As uvicorn does, without framing where the application gives none."""
        cycle = self._cycle
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            self._has_length = any(name.lower() == b"content-length" for name, _ in headers)
            if not self._has_length:
                cycle.chunked_encoding = False
        elif not self._has_length:
            # What uvicorn would compare with a length that no header gave.
            cycle.expected_content_length = len(message.get("body", b""))
        await RequestResponseCycle.send(cycle, message)


def limited(
    max_header_bytes: int, header_timeout: float, body_timeout: float | None
) -> type[LimitedProtocol]:
    """uvicorn's ``http`` argument for these limits, which are attributes of `LimitedProtocol`."""
    limits = {
        "max_header_bytes": max_header_bytes,
        "header_timeout": header_timeout,
        "body_timeout": body_timeout,
    }
    return type("LimitedProtocol", (LimitedProtocol,), limits)
