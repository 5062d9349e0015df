"""The end of a server: no request is lost that is on its way.

The server is stopped while its clients connect, so that what is usually a race is the same each
time: the kernel has taken the connections, the server knows nothing of them, and its first news is
the signal.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvicorn
from integration.live import KINDS, REQUEST, SECONDS, running
from starlette.responses import PlainTextResponse

from fastapp.draining import DrainingServer, refuse_new_connections, waiting_connections

#: More than are accepted by chance: the loop takes them one by one.
CLIENTS = 200


def answer(client: socket.socket) -> bytes:
    """All that comes until the server closes."""
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def family(process: subprocess.Popen[str]) -> list[int]:
    """The process and its children."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    return [process.pid, *map(int, children.split())]


@pytest.mark.parametrize("kind", KINDS)
def test_connections_that_wait_are_served(tmp_path: Path, kind: str) -> None:
    with running(tmp_path, kind) as (process, _url, port):
        address = ("127.0.0.1", port)
        everyone = family(process)
        for each in everyone:
            os.kill(each, signal.SIGSTOP)
        clients = [socket.create_connection(address, SECONDS) for _ in range(CLIENTS)]
        for client in clients:
            client.sendall(REQUEST)
        process.send_signal(signal.SIGTERM)
        for each in everyone:
            os.kill(each, signal.SIGCONT)
        for client in clients:
            with client:
                assert answer(client).startswith(b"HTTP/1.1 200")
        assert process.wait(SECONDS) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_without_a_request_yet_is_served(tmp_path: Path, kind: str) -> None:
    with running(tmp_path, kind) as (process, _url, port):
        address = ("127.0.0.1", port)
        with socket.create_connection(address, SECONDS) as client:
            process.send_signal(signal.SIGTERM)
            wait_until_closed(address)
            client.sendall(REQUEST)
            assert answer(client).startswith(b"HTTP/1.1 200")
        assert process.wait(SECONDS) == 0


def wait_until_closed(address: tuple[str, int]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(address, 0.05).close()
        except OSError:
            return
        time.sleep(0.01)
    raise AssertionError("the server takes connections still")


def test_the_end_is_announced_before_the_listeners_are_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request that arrives while the server does that is the last one of its connection, too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(PlainTextResponse("word"), lifespan="off", ws="none")
        stopping = DrainingServer(config, grace=1.0)
        thread = threading.Thread(target=stopping.run, args=([listener],), daemon=True)
        thread.start()
        with socket.create_connection(listener.getsockname(), SECONDS) as client:

            def refuse(listeners: Sequence[socket.socket]) -> bool:
                client.sendall(REQUEST)
                return refuse_new_connections(listeners)

            monkeypatch.setattr("fastapp.draining.refuse_new_connections", refuse)
            client.sendall(REQUEST)
            first = b""
            while not first.endswith(b"word"):
                first += client.recv(65536)
            assert b"connection: close" not in first
            stopping.should_exit = True
            last = answer(client)
        thread.join(SECONDS)
        assert last.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in last


def test_no_wait_is_longer_than_the_time_of_the_whole_stop() -> None:
    """Neither the one for connections that no one accepts, nor the grace."""
    with socket.create_server(("127.0.0.1", 0)) as stuck, stuck.dup() as listener:

        class Stuck(DrainingServer):
            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                await super().shutdown([*(sockets or []), stuck])

        app = PlainTextResponse("word")
        config = uvicorn.Config(app, lifespan="off", ws="none", timeout_graceful_shutdown=1)
        stopping = Stuck(config, grace=10 * SECONDS)
        with socket.create_server(("127.0.0.1", 0)) as served:
            thread = threading.Thread(target=stopping.run, args=([served],), daemon=True)
            thread.start()
            with (
                socket.create_connection(served.getsockname(), SECONDS) as client,
                socket.create_connection(listener.getsockname(), SECONDS),
            ):
                client.sendall(REQUEST)
                assert client.recv(12) == b"HTTP/1.1 200"
                stopping.should_exit = True
                thread.join(SECONDS)
                assert not thread.is_alive()


def test_a_listener_refuses_without_resetting_what_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address, SECONDS) as early:
            assert waiting_connections([listener]) == 1
            assert refuse_new_connections([listener])
            late: list[BaseException] = []

            def connect() -> None:
                try:
                    socket.create_connection(address, SECONDS).close()
                except OSError as exc:
                    late.append(exc)

            thread = threading.Thread(target=connect)
            thread.start()
            accepted, _ = listener.accept()
            assert waiting_connections([listener]) == 0
            with accepted:
                accepted.sendall(b"x")
                assert early.recv(1) == b"x"
        listener.close()
        thread.join(SECONDS)
        assert [type(exc) for exc in late] == [ConnectionRefusedError]
