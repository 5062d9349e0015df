"""Uploads in chunks: to a server that does as it is told, and to Debian's registry."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from http_connection import Limits
from loopback_registry import registry as loopback_registry
from network_settings import Settings
from registry import Registry, RegistryError, parse_reference
from scripted_server import Connection, Received, Server, scripted_server

CHUNK = 100_000
BLOB = bytes(range(250)) * 1000
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
STATE = "secret-state"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture
def blob(tmp_path: Path) -> str:
    (tmp_path / "layer").write_bytes(BLOB)
    return str(tmp_path / "layer")


def client(host: str, home: Path, chunk_bytes: int = CHUNK) -> Registry:
    settings = Settings({"HOME": str(home), "PATH": str(home)})
    limits = Limits(connect=60, answer=60, window=60)
    return Registry(parse_reference(f"{host}/team/app:1"), (), settings, limits, chunk_bytes)


@dataclass
class Uploads:
    """A registry that keeps what it is sent. `faults` are for the PATCHes, the next one first.

    A fault is how many bytes of a chunk arrive before the connection is lost, or a status.
    """

    faults: list[int | str | None] = field(default_factory=list)
    least: str = ""
    location: str = ""
    is_forgetful: bool = False
    loses_last_answer: bool = False
    content: bytearray = field(default_factory=bytearray)
    stored: bytes | None = None
    number: int = 0

    def __call__(self, request: Received, connection: Connection) -> None:
        getattr(self, request.method.lower())(request, connection)

    def next(self) -> str:
        """Another address for each request."""
        self.number += 1
        return f"{self.location}/up?{STATE}={self.number}"

    def post(self, _: Received, connection: Connection) -> None:
        self.content.clear()
        connection.answer(
            status="202 Accepted", Location=self.next(), OCI_Chunk_Min_Length=self.least
        )

    def patch(self, request: Received, connection: Connection) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, str):
            return connection.answer(status=fault)
        if request.target != f"/up?{STATE}={self.number}":
            return connection.answer(status="400 Not The Newest Address")
        first, last = map(int, request.headers["content-range"].split("-"))
        if first != len(self.content) or last - first + 1 != len(request.body):
            return connection.answer(status="416 Range Not Satisfiable")
        self.content += request.body[:fault]
        if fault is None:
            return connection.answer(status="202 Accepted", Location=self.next())
        return None

    def get(self, _: Received, connection: Connection) -> None:
        if self.is_forgetful:
            return connection.answer(status="404 Not Found")
        last = max(len(self.content) - 1, 0)
        return connection.answer(status="204 No Content", Range=f"0-{last}", Location=self.next())

    def put(self, request: Received, connection: Connection) -> None:
        assert urllib.parse.parse_qs(request.target.partition("?")[2])["digest"] == [DIGEST]
        self.stored = bytes(self.content + request.body)
        if not self.loses_last_answer:
            connection.answer(status="201 Created")

    def head(self, _: Received, connection: Connection) -> None:
        connection.answer(status="404 Not Found" if self.stored is None else "200 OK")


Upload = Callable[[Uploads], Server]


@pytest.fixture
def upload(tmp_path: Path, blob: str) -> Iterator[Upload]:
    with contextlib.ExitStack() as stack:

        def start(uploads: Uploads) -> Server:
            server = stack.enter_context(scripted_server(uploads))
            client(f"127.0.0.1:{server.port}", tmp_path).upload(DIGEST, blob)
            assert uploads.stored == BLOB
            return server

        yield start


def requests(server: Server) -> list[tuple[str, str]]:
    return [(r.method, r.headers.get("content-range", "")) for r in server.received]


FIRST, SECOND, THIRD = ("PATCH", "0-99999"), ("PATCH", "100000-199999"), ("PATCH", "200000-249999")
POST, GET, PUT, HEAD = ("POST", ""), ("GET", ""), ("PUT", ""), ("HEAD", "")


def test_a_large_blob_is_sent_in_chunks(upload: Upload) -> None:
    server = upload(Uploads())
    assert requests(server) == [POST, FIRST, SECOND, THIRD, PUT]
    assert server.received[-1].body == b""


def test_a_blob_of_one_chunk_is_sent_at_once(tmp_path: Path, blob: str) -> None:
    uploads = Uploads()
    with scripted_server(uploads) as server:
        client(f"127.0.0.1:{server.port}", tmp_path, len(BLOB)).upload(DIGEST, blob)
    assert requests(server) == [POST, PUT]
    assert uploads.stored == BLOB


@pytest.mark.parametrize(
    ("arrived", "rest"),
    [(0, "100000-199999"), (40_000, "140000-239999"), (100_000, "200000-249999")],
)
def test_a_lost_connection_goes_on_where_the_registry_is(
    upload: Upload, arrived: int, rest: str
) -> None:
    server = upload(Uploads([None, arrived]))
    assert requests(server)[:5] == [POST, FIRST, SECOND, GET, ("PATCH", rest)]
    assert sum(method == "POST" for method, _ in requests(server)) == 1


def test_each_chunk_may_fail(upload: Upload) -> None:
    """More often than one request is tried: what has arrived is progress."""
    server = upload(Uploads([*([20_000] * 8), "503 Later", "416 Not There", "429 Slow"]))
    assert sum(method == "POST" for method, _ in requests(server)) == 1


def test_an_upload_that_is_forgotten_is_begun_again(upload: Upload) -> None:
    server = upload(Uploads([None, 10], is_forgetful=True))
    assert requests(server) == [POST, FIRST, SECOND, GET, POST, FIRST, SECOND, THIRD, PUT]


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "501 Not Implemented"])
def test_a_registry_without_chunks_is_sent_the_blob_at_once(upload: Upload, status: str) -> None:
    assert requests(upload(Uploads([status]))) == [POST, FIRST, POST, PUT]


def test_a_registry_that_wants_larger_chunks(upload: Upload) -> None:
    server = upload(Uploads(least="240000"))
    assert requests(server) == [POST, ("PATCH", "0-239999"), ("PATCH", "240000-249999"), PUT]


def test_an_answer_that_is_lost_at_the_end(upload: Upload) -> None:
    server = upload(Uploads(loses_last_answer=True))
    assert requests(server) == [POST, FIRST, SECOND, THIRD, PUT, HEAD]


def test_chunks_to_another_host_are_not_told_the_login(tmp_path: Path, blob: str) -> None:
    (tmp_path / ".docker").mkdir()
    uploads, storage = Uploads(), Uploads()
    with scripted_server(storage) as elsewhere, scripted_server(uploads) as server:
        host = f"127.0.0.1:{server.port}"
        auths = f'{{"auths": {{"{host}": {{"auth": "bWU6c2VjcmV0"}}}}}}'
        (tmp_path / ".docker/config.json").write_text(auths)
        uploads.location, storage.number = elsewhere.url, 1
        client(host, tmp_path).upload(DIGEST, blob)
    assert storage.stored == BLOB
    assert not any("authorization" in request.headers for request in elsewhere.received)


def test_a_registry_that_takes_nothing(tmp_path: Path, blob: str) -> None:
    uploads = Uploads(["503 Later"] * 99)
    with scripted_server(uploads) as server, pytest.raises(RegistryError) as error:
        client(f"127.0.0.1:{server.port}", tmp_path).upload(DIGEST, blob)
    assert f"answers 503 to PUT of team/app/blobs/{DIGEST}" in str(error.value)
    assert STATE not in str(error.value)
    assert sum(request.method == "PATCH" for request in server.received) == 4


@contextlib.contextmanager
def relay(target: str, cut: Callable[[str], int | None]) -> Iterator[str]:
    """`host:port` of a way to `target` that loses connections.

    Args:
        target: `host:port`.
        cut: for the method of a request, after how many bytes of its body; None is never.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    host, _, port = target.rpartition(":")

    def serve(near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection((host, int(port))) as far:
            head = b""
            while b"\r\n\r\n" not in head:
                head += near.recv(1)
            far.sendall(head)
            left = cut(head.split(b" ", 1)[0].decode())
            lines = head.decode().lower().splitlines()
            sizes = [int(line[15:]) for line in lines if line.startswith("content-length:")]
            body = sum(sizes) if left is None else left
            while body and (piece := near.recv(min(body, 1 << 16))):
                far.sendall(piece)
                body -= len(piece)
            while left is None and (piece := far.recv(1 << 16)):
                near.sendall(piece)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("arrived", "begun"),
    # Docker's registry forgets an upload of which it has a part of a chunk.
    [(None, 1), (0, 1), (50_000, 2)],
)
def test_debians_registry(tmp_path: Path, blob: str, arrived: int | None, begun: int) -> None:
    methods: list[str] = []

    def cut(method: str) -> int | None:
        methods.append(method)
        is_second_chunk = method == "PATCH" and methods.count("PATCH") == 2
        return arrived if is_second_chunk else None

    with loopback_registry(tmp_path) as host:
        with relay(host, cut) as way:
            client(way, tmp_path).upload(DIGEST, blob)
        client(host, tmp_path).download(DIGEST, str(tmp_path / "back"), len(BLOB))
    assert (tmp_path / "back").read_bytes() == BLOB
    assert methods.count("POST") == begun
    assert methods.count("GET") == (arrived is not None)
