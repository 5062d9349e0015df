"""Attacks on the wire, byte by byte, against the gateway and against ``runserver-aio``.

Both are processes. Whatever is sent is refused or cut off, the request that is hidden in it never
happens, and the next ordinary request is answered.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from integration.gateway.attacks import (
    CHUNKS,
    ENDLESS,
    FIELDS,
    LINES,
    SMUGGLED,
    chunked,
    head,
)
from integration.gateway.processes import gateway
from integration.gateway.support import SECONDS, raw
from integration.serving import SECRET

REFUSED = (b"HTTP/1.1 400", b"HTTP/1.1 405", b"HTTP/1.1 408", b"HTTP/1.1 431")
QUICK = "3"
URLS = """
from fastapi import Request
from fastapp.urls import path

SEEN = []

async def echo(request: Request):
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    SEEN.append(request.url.path)
    return {"size": size, "headers": request.headers.items()}

async def seen():
    found = SEEN[:]
    SEEN.clear()
    return found

urlpatterns = [
    path("echo", echo, methods=["GET", "POST"]),
    path("smuggled", echo),
    path("seen", seen),
]
"""


@dataclass
class Target:
    """A server that is attacked.

    Attributes:
        name: "gateway" or "runserver-aio".
        port: where it is.
        http: an ordinary client of it.
        service: a client of the app itself, to ask it.
    """

    name: str
    port: int
    http: httpx.Client
    service: httpx.Client

    def seen(self) -> list[str]:
        """Paths that the app saw since the last time."""
        found: list[str] = self.service.get("/shop/seen").json()
        return found

    def is_unharmed(self) -> None:
        """The app saw no hidden request, and an ordinary one is answered."""
        assert "/shop/smuggled" not in self.seen()
        answer = self.http.post("/shop/echo", content=b"abc")
        assert (answer.status_code, answer.json()["size"]) == (200, 3)
        assert self.seen() == ["/shop/echo"]


@contextmanager
def app_server(folder: Path, **environment: str) -> Iterator[str]:
    """``runserver-aio`` with an app that tells what it saw; gives its URL."""
    app = folder / "shop"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "urls.py").write_text(URLS, encoding="utf-8")
    paths = [str(folder), *(os.path.abspath(entry) for entry in sys.path if entry)]
    options = {
        "QK_INSTALLED_APPS": '["shop"]',
        "QK_DATA_DIR": str(folder),
        "QK_SECRET_KEY": SECRET,
        "PYTHONPATH": os.pathsep.join(paths),
        **environment,
    }
    with gateway(name="runserver-aio", **options) as (_process, url):
        yield url


@contextmanager
def running(name: str, folder: Path, **limits: str) -> Iterator[Target]:
    """A target whose limits are these."""
    own = {f"QK_{key}": value for key, value in limits.items()}
    with app_server(folder, **own) as url, client_of(url) as service:
        if name == "runserver-aio":
            yield Target(name, port_of(url), service, service)
            return
        upper = {f"QK_GATEWAY_{key}": value for key, value in limits.items()}
        with gateway("--upstream", f"shop={url}", **upper) as (_process, front):
            with client_of(front) as http:
                yield Target(name, port_of(front), http, service)


def client_of(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=SECONDS)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


BOTH = ("gateway", "runserver-aio")


@pytest.fixture(scope="module", params=BOTH)
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """Each of the two, with the limits that they have by default."""
    with running(request.param, tmp_path_factory.mktemp("attacked")) as found:
        yield found


@pytest.mark.parametrize("fields", FIELDS, ids=repr)
def test_ambiguous_heads_are_refused(target: Target, fields: list[bytes]) -> None:
    answer = raw(target.port, head(fields) + b"0\r\n\r\n" + SMUGGLED, timeout=0.5)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert answer.count(b"HTTP/1.1 ") == 1, "one refusal, and nothing after it"
    assert b'"error"' in answer, "uniform here too"
    target.is_unharmed()


@pytest.mark.parametrize("body", CHUNKS, ids=repr)
def test_broken_chunks_are_refused(target: Target, body: bytes) -> None:
    answer = raw(target.port, chunked(body) + SMUGGLED, timeout=0.5)
    assert b" 200 " not in answer
    assert answer.startswith(REFUSED), answer
    target.is_unharmed()


@pytest.mark.parametrize("line", LINES, ids=repr)
def test_broken_request_lines_are_refused(target: Target, line: bytes) -> None:
    answer = raw(target.port, head([], line) + SMUGGLED, timeout=0.5)
    assert answer.startswith(REFUSED), answer
    target.is_unharmed()


@pytest.mark.parametrize(
    ("line", "field", "status"),
    [
        (b"GET /shop/echo?" + b"a" * 9000 + b" HTTP/1.1", b"X: 1", b"431"),
        (b"GET /shop/echo HTTP/1.1", b"Cookie: " + b"a" * 9000, b"431"),
        (b"GET /shop/echo HTTP/1.1", b"X: 1\r\n" * 130 + b"X: 1", b"431"),
        (b"GET /shop/echo HTTP/1.1", b"X: \x7f", b"400"),
    ],
    ids=["line", "cookie", "fields", "control"],
)
def test_handshakes_that_cannot_be_read_are_refused(
    target: Target, line: bytes, field: bytes, status: bytes
) -> None:
    fields = [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"]
    fields += [b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", field]
    answer = raw(target.port, head(fields, line))
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert b'"error"' in answer
    target.is_unharmed()


def test_a_head_has_one_host(target: Target) -> None:
    for start in (b"", b"Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", b"Host: a/b\r\n", b"Host:\r\n"):
        answer = raw(target.port, b"GET /shop/echo HTTP/1.1\r\n" + start + b"\r\n", timeout=0.5)
        assert answer.startswith(b"HTTP/1.1 400"), (start, answer)
    two = b"GET /shop/echo HTTP/1.0\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert raw(target.port, two).startswith(b"HTTP/1.1 400")
    target.is_unharmed()


def test_chunks_of_an_old_client_are_refused(target: Target) -> None:
    fields = [b"Transfer-Encoding: chunked", b"Connection: keep-alive"]
    request = head(fields, b"POST /shop/echo HTTP/1.0") + b"3\r\nabc\r\n0\r\n\r\n"
    assert raw(target.port, request + SMUGGLED, timeout=0.5).startswith(b"HTTP/1.1 400")
    target.is_unharmed()


def test_a_whole_address_with_the_same_host_is_fine(target: Target) -> None:
    line = b"GET http://127.0.0.1/shop/echo HTTP/1.1"
    assert raw(target.port, head([b"Connection: close"], line)).startswith(b"HTTP/1.1 200")
    assert target.seen() == ["/shop/echo"]


def test_trailers_do_not_become_headers(target: Target) -> None:
    trailers = b"X-Real-User: root\r\nAuthorization: x\r\n\r\n"
    request = head([b"Transfer-Encoding: chunked", b"Connection: close"])
    answer = raw(target.port, request + b"3\r\nabc\r\n0\r\n" + trailers)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"x-real-user" not in answer
    assert b"authorization" not in answer
    target.is_unharmed()


def test_an_upgrade_that_is_unknown_is_ignored_with_the_body_read(target: Target) -> None:
    fields = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"]
    body = SMUGGLED
    fields.append(b"Content-Length: %d" % len(body))
    for protocol in (b"h2c", b"websocket", b"x, websocket"):
        fields[1] = b"Upgrade: " + protocol
        together = raw(target.port, head(fields) + body, timeout=0.5)
        with socket.create_connection(("127.0.0.1", target.port), timeout=SECONDS) as client:
            # The body in a packet of its own is what was taken for another request.
            client.sendall(head(fields))
            # The server has read it when it has answered another connection.
            assert target.http.get("/healthz/live").status_code == 200
            client.sendall(body + head([b"Content-Length: 0", b"Connection: close"]))
            apart = b"".join(iter(lambda: client.recv(65536), b""))
        for answer, count in ((together, 1), (apart, 2)):
            assert answer.count(b"HTTP/1.1 200") == count, answer
            assert b'"size":%d' % len(body) in answer.replace(b" ", b"")
    target.is_unharmed()


def test_what_follows_a_good_request_does_not_spoil_its_answer(target: Target) -> None:
    answer = raw(target.port, head([b"Content-Length: 3"]) + b"abc" + b"\x00garbage", timeout=0.5)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert answer.count(b"HTTP/1.1 ") <= 2
    target.is_unharmed()


@pytest.mark.parametrize("piece", ENDLESS, ids=len)
def test_heads_without_end_are_refused(target: Target, piece: bytes) -> None:
    start = b"GET /shop/echo HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    assert sent_until_refused(target.port, start, piece) < 1 << 20
    target.is_unharmed()


@pytest.mark.parametrize("start", [b"3;", b"0\r\nX: ", b"0\r\n"], ids=repr)
def test_extensions_and_trailers_without_end_are_refused(target: Target, start: bytes) -> None:
    piece = b"X: 1\r\n" if start == b"0\r\n" else b"a" * 100
    assert sent_until_refused(target.port, chunked(start), piece) < 1 << 20
    target.is_unharmed()


def sent_until_refused(port: int, start: bytes, piece: bytes) -> int:
    """Bytes that went out until the server closed; at most some MiB."""
    block = piece * (1 + 8192 // len(piece))
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(start)
        sent = 0
        try:
            while sent < 4 << 20:
                client.sendall(block)
                sent += len(block)
                # The end of the connection shows when it is read, which must not wait.
                client.setblocking(False)
                try:
                    answer = client.recv(4096)
                except BlockingIOError:
                    time.sleep(0.001)
                else:
                    assert answer[:12] in (b"HTTP/1.1 431", b""), answer
                    return sent
                finally:
                    client.settimeout(SECONDS)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return sent


@pytest.mark.parametrize("name", BOTH)
def test_slow_heads_and_bodies_are_cut_off(name: str, tmp_path: Path) -> None:
    with running(name, tmp_path, CLIENT_TIMEOUT=QUICK) as slow:
        start = b"POST /shop/echo HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        cases = [
            (b"", b""),
            (start, b"X: 1\r\n"),
            (b"POST ", b"a"),
            (start + b"X: ", b""),
            (start + b"Content-Length: 9\r\n\r\nabc", b""),
            (chunked(b"3\r\nabc\r\n"), b""),
        ]
        with ThreadPoolExecutor(len(cases) + 1) as threads:
            ahead = threads.submit(slow_but_ahead, slow.port, start)
            answers = [threads.submit(dripped, slow.port, *case) for case in cases]
            assert [answer.result() for answer in answers] == [b"HTTP/1.1 408"] * len(cases)
            assert ahead.result() == b"HTTP/1.1 200"
        assert slow.seen() == ["/shop/echo"]
        slow.is_unharmed()


def slow_but_ahead(port: int, start: bytes) -> bytes:
    """What is said to one that takes longer than the limit for all, and never for a part."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(start + b"Connection: close\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            time.sleep(0.7)
            client.sendall(b"x")
        return client.recv(12)


def dripped(port: int, start: bytes, piece: bytes) -> bytes:
    """The beginning of what a server says to one that goes on like this for ever."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as client:
        client.sendall(start)
        deadline = time.monotonic() + 3 * SECONDS
        while time.monotonic() < deadline:
            try:
                return client.recv(12)
            except TimeoutError:
                if piece:
                    client.sendall(piece)
    return b"still open"
