"""What the protocol of our servers adds to uvicorn's, part by part, on real connections."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from integration.gateway.support import SECONDS, json_of, raw, serving, wait_for

from fastapp.limits import LimitedProtocol, limited

HEAD_BYTES = 2000
MEBIBYTE = 1 << 20
#: Of a server with a client that sends as soon as it may: long enough for a machine that is busy.
PATIENCE = 2.0
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
OTHER = b"GET /other HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


class App:
    """Answers "done"; /slow waits for /go, /late does before it reads, /much sends much.

    /early answers before it reads, /unread reads nothing.
    """

    def __init__(self) -> None:
        self.slow = asyncio.Event()
        self.started = False
        self.sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        size = 0
        if path in ("/slow", "/late"):
            self.started = True
            await self.slow.wait()
        elif path == "/go":
            self.slow.set()
        if path == "/unread":
            await send({"type": "http.response.start", "status": 413, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})
            return
        if path == "/early":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        if path != "/slow":
            more = True
            while more:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
        if path == "/early":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if path == "/much":
            for _ in range(64 * 16):
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                self.sent += 65536
        await send({"type": "http.response.body", "body": b"done %d" % size})


def limits(seconds: float = SECONDS) -> type[LimitedProtocol]:
    return limited(HEAD_BYTES, seconds, seconds)


def of_size(size: int) -> bytes:
    """A request whose target and headers have this size, with the four bytes of each header."""
    fields = b"Host: h\r\nConnection: close\r\nX: "
    used = len(b"/") + len(b"Hosth") + len(b"Connectionclose") + len(b"X") + 3 * 4
    return b"GET / HTTP/1.1\r\n" + fields + b"a" * (size - used) + b"\r\n\r\n"


def test_the_size_of_a_head_is_exact() -> None:
    with serving(App(), http=limits()) as port:
        assert raw(port, of_size(HEAD_BYTES)).startswith(b"HTTP/1.1 200")
        assert raw(port, of_size(HEAD_BYTES + 1)).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "before", [b"", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["alone", "behind-a-request"]
)
def test_the_size_of_a_head_in_pieces_is_exact(before: bytes) -> None:
    with serving(App(), http=limits()) as port:
        for last in range(1, 21):
            for more, expected in ((0, b"HTTP/1.1 200"), (1, b"HTTP/1.1 431")):
                head = before + of_size(HEAD_BYTES + more)
                answers = in_pieces(port, head[:-last], head[-last:])
                assert answers.rpartition(b"HTTP/1.1 ")[2].startswith(expected[-3:]), last
                assert answers.count(b"HTTP/1.1 ") == 1 + bool(before), last


def in_pieces(port: int, *pieces: bytes) -> bytes:
    """All that comes for what the server reads in these pieces."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        # A server that closes with unread data resets the connection.
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                client.sendall(piece)
                # It has read it when it has answered a later connection.
                assert b" 200 " in raw(port, OTHER)
        answers = b""
        with contextlib.suppress(ConnectionError):
            while chunk := client.recv(65536):
                answers += chunk
        return answers


@pytest.mark.parametrize(
    "before",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n" + b"x" * 600,
    ],
    ids=["head", "head-and-body"],
)
@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"a" * 5000, b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 5000],
    ids=["target", "header"],
)
def test_a_head_without_end_behind_a_request_is_refused_at_once(before: bytes, head: bytes) -> None:
    with serving(App(), http=limits(PATIENCE)) as port:
        answers = raw(port, before + head, timeout=SECONDS)
    # The first is still being answered, which is the last answer then.
    assert answers.startswith(b"HTTP/1.1 200"), answers
    assert answers.count(b"HTTP/1.1 ") == 1, answers


def test_bodies_are_parsed_in_larger_slices_than_heads() -> None:
    parts: list[int] = []

    class Watched(limits()):  # type: ignore[misc]
        def on_body(self, body: bytes) -> None:
            parts.append(len(body))
            super().on_body(body)

    with serving(App(), http=Watched) as port:
        head = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        answer = raw(port, head + b"Content-Length: %d\r\n\r\n" % MEBIBYTE + b"x" * MEBIBYTE)
    assert b"done %d" % MEBIBYTE in answer
    assert max(parts) == HEAD_BYTES


def test_a_head_that_has_begun_is_not_an_idle_connection() -> None:
    with serving(App(), http=limits(PATIENCE), timeout_keep_alive=1) as port:
        before = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        answers = raw(port, before + before[:-4], timeout=SECONDS)
    assert b"HTTP/1.1 408" in answers, answers


def test_requests_in_one_piece_are_measured_one_by_one() -> None:
    count = 200
    with serving(App(), http=limits()) as port:
        before = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * count
        answers = raw(port, before + of_size(HEAD_BYTES), timeout=SECONDS)
        assert answers.count(b"HTTP/1.1 200") == answers.count(b"HTTP/1.1 ") == count + 1


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nHost: h\r\n", HANDSHAKE], ids=["half-a-head", "websocket"]
)
def test_a_connection_that_is_closed_is_forgotten(sent: bytes) -> None:
    protocol = limits()

    def known() -> int:
        gc.collect()
        return sum(type(found) is protocol for found in gc.get_objects())

    with serving(App(), http=protocol) as port:
        # A clock runs for each of them until it has sent all of a head.
        clients = [socket.create_connection(("127.0.0.1", port), SECONDS) for _ in range(20)]
        wait_for(lambda: known() == len(clients))
        for client in clients:
            client.sendall(sent)
            if sent is HANDSHAKE:
                assert client.recv(12) == b"HTTP/1.1 101"
        for client in clients:
            client.close()
        wait_for(lambda: known() == 0, SECONDS / 2)


@pytest.mark.parametrize(
    ("request_head", "last", "later"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"done 0\r\n0\r\n\r\n", b"\r\n"),
        (
            b"POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n",
            b"no\r\n0\r\n\r\n",
            b"x",
        ),
    ],
    ids=["empty-line", "body-that-no-one-reads"],
)
def test_bytes_of_no_request_do_not_keep_a_connection(
    request_head: bytes, last: bytes, later: bytes
) -> None:
    # As in the gateway, which has clocks of its own for bodies.
    protocol = limited(HEAD_BYTES, PATIENCE, None)
    with serving(App(), http=protocol, timeout_keep_alive=1) as port:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(request_head)
            answer = b""
            while not answer.endswith(last):
                answer += client.recv(65536)
            # Closed already, on a machine that was busy meanwhile.
            with contextlib.suppress(ConnectionError):
                client.sendall(later)
                # A time-out of the socket is an error.
                assert client.recv(65536) == b""


def test_garbage_behind_a_request_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    with caplog.at_level(logging.WARNING), serving(app, http=limits()) as port:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
            wait_for(lambda: app.started)
            for _ in range(10):
                client.sendall(b"\x00garbage\r\n\r\n")
                # The server has read it when it has answered a later connection.
                assert b" 200 " in raw(port, OTHER)
            assert b" 200 " in raw(port, OTHER.replace(b"/other", b"/go"))
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.count(b"HTTP/1.1 ") == 1, answer
        assert answer.startswith(b"HTTP/1.1 200")
    assert [record.getMessage() for record in caplog.records] == ["Invalid HTTP request received."]


def pipelined(app: App, port: int, second: bytes) -> bytes:
    """All that comes for a slow request with ``second`` behind it, in one piece."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n" + second)
        wait_for(lambda: app.started)
        assert b" 200 " in raw(port, OTHER.replace(b"/other", b"/go"))
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_body_that_breaks_behind_a_request_is_refused_after_its_answer() -> None:
    app = App()
    with serving(app, http=limits()) as port:
        head = b"POST /two HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        first, _, second = pipelined(app, port, head + b"zz\r\n").partition(b"0\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 400"), second
    assert b"connection: close" in second
    assert json_of(second)["error"] == "bad_request"


def test_an_address_that_breaks_behind_a_request_takes_no_answer_of_it() -> None:
    app = App()
    with serving(app, http=limits()) as port:
        head = b"GET http://h:99999/ HTTP/1.1\r\nHost: h:99999\r\n\r\n"
        answer = pipelined(app, port, head)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_that_breaks_ends_an_answer_that_has_begun() -> None:
    with serving(App(), http=limits()) as port:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(b"POST /early HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            answer = b""
            while b"part" not in answer:
                answer += client.recv(65536)
            client.sendall(b"zz\r\n")
            # No second answer, which would be taken for a part of this one, and no end of it.
            assert b"".join(iter(lambda: client.recv(65536), b"")) == b""


def test_the_body_of_a_refused_request_goes_to_no_other() -> None:
    with serving(App(), http=limits()) as port:
        head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
        answers = raw(port, head + b"\r\nabc" + head + b"Host: h\r\n\r\ndef", timeout=SECONDS)
        assert answers.count(b"HTTP/1.1 ") == 1
        assert b"done 3" in answers


def test_http_1_0_answers_are_not_chunked() -> None:
    with serving(App(), http=limits()) as port:
        answer = raw(port, b"GET / HTTP/1.0\r\n\r\n")
        assert answer.endswith(b"\r\n\r\ndone 0")
        assert b"transfer-encoding" not in answer
        assert b"connection: close" in answer


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_upgrade_of_http_1_0_stays_one_of_http_1_0(protocol: bytes) -> None:
    with serving(App(), http=limits()) as port:
        fields = b"Connection: Upgrade, keep-alive\r\nUpgrade: " + protocol
        answer = raw(port, b"GET / HTTP/1.0\r\n" + fields + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert answer.endswith(b"\r\n\r\ndone 0")
        assert b"transfer-encoding" not in answer
        assert b"connection: close" in answer


class Counting:
    """A transport that counts what is written to it."""

    def __init__(self, raw: Any, writes: list[bytes]) -> None:
        self._raw, self._writes = raw, writes

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._raw.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def test_head_and_body_are_one_write() -> None:
    writes: list[bytes] = []

    class Counted(LimitedProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(Counting(transport, writes))  # type: ignore[arg-type]

    with serving(App(), http=Counted) as port:
        answer = raw(port, OTHER)
    assert answer.endswith(b"6\r\ndone 0\r\n0\r\n\r\n")
    assert writes == [answer]


def test_an_answer_without_a_pause_is_not_held_in_memory() -> None:
    app = App()
    with serving(app, http=limits()) as port:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(b"GET /much HTTP/1.1\r\nHost: h\r\n\r\n")
            # The client reads no more; the server can go on only if it waits for that one.
            assert client.recv(12) == b"HTTP/1.1 200"
            assert b" 200 " in raw(port, OTHER)
            assert 0 < app.sent < 32 * MEBIBYTE


@pytest.mark.parametrize(
    ("fields", "body"),
    [(b"Expect: 100-continue\r\n", b"abc"), (b"", b"x" * MEBIBYTE)],
    ids=["told-to-wait", "more-than-is-read"],
)
def test_a_client_that_the_app_lets_wait_is_not_late(fields: bytes, body: bytes) -> None:
    checks: list[float] = []

    class Watched(limits(PATIENCE)):  # type: ignore[misc]
        def _check_time(self) -> None:
            super()._check_time()
            checks.append(self._deadline)

    with serving(App(), http=Watched) as port, ThreadPoolExecutor(1) as threads:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            head = b"POST /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + fields
            client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
            sent = None if fields else threads.submit(client.sendall, body)
            # All of its time has passed since the server took the last byte.
            wait_for(lambda: len(checks) >= 2, SECONDS)
            assert b" 200 " in raw(port, OTHER.replace(b"/other", b"/go"))
            if sent is None:
                assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
                client.sendall(body)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert b"done %d" % len(body) in answer
