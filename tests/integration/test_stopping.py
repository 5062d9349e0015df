"""The end of a server, as clients that keep their connections see it: nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from integration.live import KINDS, REQUEST, SECONDS, running
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

CLIENTS = 16


class Client(threading.Thread):
    """Sends a request when the last is answered, on one connection, until told to leave."""

    def __init__(self, port: int, pause: float) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.pause = pause
        self.answers = 0
        self.end = "still there"

    def run(self) -> None:
        with self.socket:
            while True:
                try:
                    self.socket.sendall(REQUEST)
                    answer = b""
                    while b'"word"' not in answer:
                        chunk = self.socket.recv(65536)
                        if not chunk:
                            self.end = "closed without an answer"
                            return
                        answer += chunk
                except OSError as exc:
                    self.end = repr(exc)
                    return
                self.answers += 1
                if b"connection: close" in answer.lower():
                    self.end = "told"
                    return
                time.sleep(self.pause)


@pytest.mark.parametrize("kind", KINDS)
def test_clients_that_keep_their_connection_lose_nothing(tmp_path: Path, kind: str) -> None:
    with running(tmp_path, kind) as (process, _url, port):
        # Half of them are idle at nearly every moment, also when the server ends.
        clients = [Client(port, pause=number % 2 * 1.0) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + SECONDS
        while any(client.answers < 2 for client in clients):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(SECONDS)
        assert Counter(client.end for client in clients) == {"told": CLIENTS}
        assert process.wait(SECONDS) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_idle_connections_are_closed_last_and_new_ones_refused(tmp_path: Path, kind: str) -> None:
    with running(tmp_path, kind) as (process, _url, port):
        address = ("127.0.0.1", port)
        with socket.create_connection(address, SECONDS) as idle:
            idle.sendall(REQUEST)
            assert b'"word"' in idle.recv(65536)
            process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + SECONDS
            while True:
                try:
                    socket.create_connection(address, 0.5).close()
                except ConnectionRefusedError:
                    break
                except TimeoutError:
                    # The listener takes no more and is about to be closed.
                    pass
                assert time.monotonic() < deadline
                time.sleep(0.02)
            idle.sendall(REQUEST)
            answer = b"".join(iter(lambda: idle.recv(65536), b""))
            assert b'"word"' in answer
            assert b"connection: close" in answer.lower()
        assert process.wait(SECONDS) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_websocket_is_told_that_the_server_goes_away(tmp_path: Path, kind: str) -> None:
    async def talk(process: subprocess.Popen[str], port: int) -> list[int | None]:
        async with connect(f"ws://127.0.0.1:{port}/live/echo", proxy=None) as client:
            await client.send("before")
            assert await client.recv() == "before"
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(client.recv(), SECONDS)
            ends = (closed.value.rcvd, closed.value.sent)
            return [None if end is None else int(end.code) for end in ends]

    with running(tmp_path, kind) as (process, _url, port):
        # 1001 arrives, its echo is sent: the closing handshake is complete.
        assert asyncio.run(talk(process, port)) == [1001, 1001]
        assert process.wait(SECONDS) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_goes_on_to_its_end(tmp_path: Path, kind: str) -> None:
    with running(tmp_path, kind) as (process, url, _port):
        with httpx.stream("GET", f"{url}/live/stream", timeout=SECONDS) as answer:
            parts = answer.iter_text()
            text = next(parts)
            process.send_signal(signal.SIGTERM)
            text += "".join(parts)
        assert text == "".join(f"part {number};" for number in range(20))
        assert process.wait(SECONDS) == 0
