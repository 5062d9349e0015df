"""Engines that misbehave: each ends in one clear error, in time."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qingkong_build.oci.engine import client
from qingkong_build.oci.engine.address import EngineAddress
from qingkong_build.oci.engine.answers import EngineProduct
from qingkong_build.oci.engine.client import Engine
from qingkong_build.oci.engine.errors import EngineRefusedError, EngineUnreachableError

#: The limit in these tests: what is tested is that there is one.
SECONDS = 0.7
#: Far above it, for a machine that is busy; far below what the server would take.
PATIENCE = 30.0

Behaviour = Callable[[socket.socket, threading.Event], None]


def http(body: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


VERSION = http(json.dumps({"Version": "1.2.3", "ApiVersion": "1.41"}))


def says(content: bytes) -> Behaviour:
    def behave(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(content)

    return behave


def hangs(connection: socket.socket, stop: threading.Event) -> None:
    stop.wait(PATIENCE)


def drips(content: bytes) -> Behaviour:
    """A byte now and then, each well within the limit of one read."""

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        for position in range(len(content)):
            connection.sendall(content[position : position + 1])
            if stop.wait(SECONDS / 4):
                return

    return behave


def closes(connection: socket.socket, stop: threading.Event) -> None:
    pass


@contextlib.contextmanager
def engine_that(
    behave: Behaviour, folder: Path, product: EngineProduct | None = None
) -> Iterator[Engine]:
    """An engine at a unix socket, whose connections are all treated alike."""
    stop = threading.Event()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "engine.sock"))
    server.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                behave(connection, stop)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        address = EngineAddress(f"unix://{folder / 'engine.sock'}", "DOCKER_HOST", True)
        yield Engine(address, {}, product)
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(PATIENCE)


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", SECONDS)
    monkeypatch.setattr(client, "_CALL_SECONDS", SECONDS)


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (hangs, "does not answer within 0.7 s"),
        (drips(VERSION), "does not answer within 0.7 s"),
        (drips(VERSION[:-40] + b" " * 400), "does not answer within 0.7 s"),
        (closes, "closes the connection without an answer"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "answers with something else"),
        (says(b"\x00\xff" * 40 + b"\n"), "answers with something else"),
        (says(http("<html>Log in</html>", kind="text/html")), "answers with something else"),
        (says(http("[]")), "answers with something else"),
        (says(http('{"Version": "1"}')), "answers with something else"),
        (says(http('{"Version": "1", "ApiVersion": "new"}')), "answers with something else"),
        (says(http('{"message": "out of order"}', "500 Oh")), "out of order"),
        (says(VERSION[:-5]), "answers with something else"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_answers_badly_is_named(behave: Behaviour, why: str, tmp_path: Path) -> None:
    start = time.monotonic()
    with engine_that(behave, tmp_path) as engine:
        with pytest.raises(EngineUnreachableError, match=why) as caught:
            engine.identify()
        assert time.monotonic() - start < PATIENCE / 2
    message = str(caught.value)
    assert f"engine at unix://{tmp_path}/engine.sock (DOCKER_HOST)" in message
    assert "Fix: " in message
    assert "\n" not in message


def test_a_good_answer_is_taken(tmp_path: Path) -> None:
    with engine_that(says(VERSION), tmp_path) as engine:
        assert engine.identify() == EngineProduct("Docker", "1.2.3", "1.41")
        assert str(engine.identify()) == "Docker 1.2.3"


PRODUCT = EngineProduct("Docker", "1", "1.41")


def test_an_engine_that_stops_answering_does_not_hold_a_call(tmp_path: Path) -> None:
    layer = bytes(8 << 20)
    with engine_that(hangs, tmp_path, PRODUCT) as engine:
        with pytest.raises(EngineUnreachableError, match="does not answer within"):
            engine.inspect("x")
        with pytest.raises(EngineUnreachableError, match="does not answer within"):
            # It never reads the rest: sending has an end, too.
            engine.load(b"{}", "0" * 64, ["x:1"], ["1" * 64], {"1" * 64: layer})
        with pytest.raises(EngineUnreachableError, match="does not answer within"):
            engine.pull("x:1")


def test_errors_in_the_midst_of_an_answer(tmp_path: Path) -> None:
    line = '{"errorDetail":{"message":"no space left"},"error":"no space left"}\r\n'
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = f"{len(line):x}\r\n{line}\r\n0\r\n\r\n".encode()
    with engine_that(says(head + chunk), tmp_path, PRODUCT) as engine:
        with pytest.raises(EngineRefusedError, match="loading x:1: .*no space left"):
            engine.load(b"{}", "0" * 64, ["x:1"], [], {})
        with pytest.raises(EngineRefusedError, match="pulling x:1: .*no space left"):
            engine.pull("x:1")


def test_what_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for url, why in (
        (f"unix://{tmp_path}/none.sock", "No such file"),
        (f"tcp://127.0.0.1:{port}", "Connection refused"),
    ):
        with pytest.raises(EngineUnreachableError, match=f"{url}.*{why}.*Fix: "):
            Engine(EngineAddress(url, "DOCKER_HOST", True), {}).identify()
