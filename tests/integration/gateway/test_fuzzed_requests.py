"""Requests that a fuzzer makes, against the gateway and a service: none may cost much.

Each target is served in a thread of this process with the protocol that its command uses, so that
the processor time of its event loop and the bytes of its log can be read before and after.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from integration.gateway.services import Service
from integration.gateway.support import QUIET, SECONDS, request, serving

from fastapp.asgi import create_application
from fastapp.cli.commands.runserver_aio import server_options as service_options
from fastapp.conf import BaseSettings
from fastapp.gateway import Gateway, GatewayConfig
from fastapp.gateway.server import server_options
from fastapp.test.client import settings_for_tests, use_settings

SEED = 20_240_607
CASES = 1200
#: The most that one request may take of the event loop's processor time, and of the log.
LOOP_SECONDS = 0.05
LOG_BYTES = 1024
HOST = b"app.test"

METHODS = [
    *(b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"),
    *(b"PRI", b"LINK", b"PROPFIND", b"M-SEARCH", b"get", b"QUERY", b"BREW"),
]
TARGETS = [
    *(b"/", b"/healthz/live", b"/shop/echo", b"/shop/ws", b"/shop/redirect?http://192.0.2.1/"),
    *(b"*", b"", b"//", b"//evil.example/x", b"/%", b"/%00", b"/%ff%fe", b"/..;/x", b"/a/../b"),
    *(b"app.test:80", b":80", b"[::1]:80", b"app.test", b"/shop/echo#x", b"?x", b"/?", b"\\x"),
    *(b"http://app.test/shop/echo", b"https://app.test", b"http://", b"http://app.test:99999/"),
    *(b"http://u:p@app.test/", b"http://evil.example/", b"ws://app.test/shop/ws", b"file:///x"),
    b"/shop/echo?\xff\x80\x7f",
    *(b"/" + b"a" * 9000, b"/" + b"%41" * 4000, b"/?" + b"a=b&" * 4000, b"/" * 4000),
]
VERSIONS = [
    *(b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/0.9", b" HTTP/2.0", b" HTTP/1.2"),
    *(b"", b" HTTP/", b" HTTP/9.9", b" http/1.1", b" HTCPCP/1.0"),
]
UPGRADES = [
    *((), (), ()),
    (b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk"),
    (b"Upgrade: h2c", b"Connection: close"),
    (b"Connection: Upgrade",),
    (b"Upgrade: websocket", b"Connection: Upgrade"),
    (b"Upgrade: websocket", b"Connection: close, upgrade"),
    (b"Upgrade: websocket, h2c", b"Connection: Upgrade"),
    (b"Upgrade: h2c", b"Upgrade: websocket", b"Connection: Upgrade", b"Connection: keep-alive"),
    (
        *(b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13"),
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    (
        *(b"Upgrade: WebSocket", b"Connection: upgrade", b"Sec-WebSocket-Version: 8"),
        *(b"Sec-WebSocket-Key: short", b"Sec-WebSocket-Protocol: ,,a,\xff"),
    ),
    (
        *(b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13"),
        *(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Extensions: \x7f;=;"),
    ),
]
BODIES = [
    *(((), b""), ((), b""), ((), b"GET / HTTP/1.1\r\n\r\n")),
    ((b"Content-Length: 3",), b"abc"),
    ((b"Content-Length: 0",), b""),
    ((b"Transfer-Encoding: chunked",), b"3\r\nabc\r\n0\r\nX: 1\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"zz\r\n"),
    ((b"Expect: 100-continue", b"Content-Length: 3"), b"abc"),
    ((b"TE: trailers", b"Trailer: X"), b""),
]
HOSTS = [
    *((b"Host: app.test",), (b"Host: app.test",), (b"Host: app.test",), (b"Host: app.test:80",)),
    *((), (b"Host: app.test", b"Host: app.test"), (b"Host:",), (b"Host: evil.example",)),
]


#: Turned through at once. No two lengths have a common divisor, so that each value of one meets
#: each of another.
PARTS: list[list[Any]] = [METHODS, TARGETS, VERSIONS, UPGRADES]


def fuzzed(number: int, chance: random.Random) -> bytes:
    """A request of one of every part, whose client asks for the connection to be closed."""
    method, target, version, upgrade = (part[number % len(part)] for part in PARTS)
    fields, body = chance.choice(BODIES)
    heads = [
        *chance.choice(HOSTS),
        *upgrade,
        *fields,
        *(() if chance.random() < 0.5 else (b"Connection: close",)),
    ]
    return b"\r\n".join([method + b" " + target + version, *heads, b"", b""]) + body


class Counted(logging.Handler):
    """Counts what would be written to the log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.size = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.size += len(self.format(record)) + 1


class Watched:
    """An application, its event loop and its log."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.loop: asyncio.AbstractEventLoop | None = None
        self.log = Counted()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.loop = asyncio.get_running_loop()
        await self.app(scope, receive, send)

    def seconds(self) -> float:
        """Processor time that the event loop has had."""
        assert self.loop is not None

        async def thread_time() -> float:
            return time.thread_time()

        return asyncio.run_coroutine_threadsafe(thread_time(), self.loop).result(SECONDS)


@contextmanager
def served(name: str, folder: Path) -> Iterator[tuple[Watched, int]]:
    """A target as its command serves it, and its port."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            use_settings(settings_for_tests(folder, (), {"INSTALLED_APPS": ["apps.shop"]}))
        )
        options: dict[str, Any]
        app: Any
        if name == "service":
            app, options = create_application(), service_options("127.0.0.1", 0)
        else:
            port = stack.enter_context(serving(Service("shop")))
            app = Gateway(GatewayConfig(upstreams={"shop": [f"http://127.0.0.1:{port}"]}))
            options = server_options(BaseSettings.from_values({}), app)
        for option in ("host", "port", "timeout_graceful_shutdown"):
            options.pop(option, None)
        watched = Watched(app)
        root = logging.getLogger()
        root.addHandler(watched.log)
        stack.callback(root.removeHandler, watched.log)
        before = root.level
        root.setLevel(logging.INFO)
        stack.callback(root.setLevel, before)
        yield watched, stack.enter_context(serving(watched, **{**options, **QUIET}))


@pytest.fixture(scope="module", params=["service", "gateway"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Watched, int]]:
    with served(request.param, tmp_path_factory.mktemp("fuzzed")) as found:
        yield found


def answered(port: int, message: bytes) -> bytes:
    """What is said first; b"" for nothing. The client then leaves."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(message)
        with contextlib.suppress(ConnectionResetError):
            return client.recv(65536)
    return b""


def cost(target: tuple[Watched, int], message: bytes) -> tuple[float, int, bytes]:
    """Seconds of the event loop, bytes of the log, and the answer."""
    watched, port = target
    seconds, size = watched.seconds(), watched.log.size
    answer = answered(port, message)
    return watched.seconds() - seconds, watched.log.size - size, answer


def is_unharmed(target: tuple[Watched, int]) -> None:
    good = request("/healthz/live", host=HOST.decode())
    assert answered(target[1], good).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_with_a_path(target: tuple[Watched, int], method: bytes) -> None:
    message = method + b" /healthz/live HTTP/1.1\r\nHost: app.test\r\n\r\n"
    seconds, size, answer = cost(target, message)
    assert answer.startswith(b"HTTP/1.1 "), answer
    if method == b"CONNECT":
        assert answer.startswith(b"HTTP/1.1 400"), answer
    assert seconds < LOOP_SECONDS
    assert size < LOG_BYTES
    is_unharmed(target)


def test_every_two_parts_meet() -> None:
    for one, other in itertools.combinations(PARTS, 2):
        pairs = {(number % len(one), number % len(other)) for number in range(CASES)}
        assert len(pairs) == len(one) * len(other)


def test_no_request_costs_much(target: tuple[Watched, int]) -> None:
    chance = random.Random(SEED)
    is_unharmed(target)
    for number in range(CASES):
        message = fuzzed(number, chance)
        seconds, size, answer = cost(target, message)
        told = f"case {number}: {message[:300]!r}: {seconds:.3f} s, {size} bytes, {answer[:80]!r}"
        assert answer.startswith(b"HTTP/1.1 "), told
        assert not answer.startswith(b"HTTP/1.1 500"), told
        if seconds >= LOOP_SECONDS:
            # The collector of garbage may have chosen this moment, and does not do so twice.
            seconds = cost(target, message)[0]
        assert seconds < LOOP_SECONDS, told
        assert size < LOG_BYTES, told
    is_unharmed(target)


def test_many_upgrades_in_one_piece(target: tuple[Watched, int]) -> None:
    fields = b"Host: app.test\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    one = b"GET /healthz/live HTTP/1.1\r\n" + fields
    count = 2000
    with socket.create_connection(("127.0.0.1", target[1]), timeout=SECONDS) as client:
        client.sendall(one * count)
        received = 0
        tail = b""
        while received < count:
            chunk = client.recv(65536)
            assert chunk, "closed before the last answer"
            received += (tail + chunk).count(b"HTTP/1.1 200")
            assert b"HTTP/1.1 4" not in tail + chunk
            tail = (tail + chunk)[-11:]
    is_unharmed(target)
