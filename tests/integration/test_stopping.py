"""The end of a server, as clients that keep their connections see it: nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from integration.serving import server
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

CLIENTS = 16
SECONDS = 40.0
APP = """
import asyncio
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse

app = FastAPI()

@app.get("/word")
async def word():
    return "word"

@app.get("/stream")
async def stream():
    async def parts():
        for number in range(20):
            yield f"part {number};"
            await asyncio.sleep(0.1)
    return StreamingResponse(parts())

@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)
"""
KINDS = ["runserver-aio", "workers", "gateway"]
REQUEST = b"GET /live/word HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@contextmanager
def running(folder: Path, kind: str) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """A server of a kind, its process and its URL."""
    app = folder / "live"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "asgi.py").write_text(APP, encoding="utf-8")
    paths = [str(folder), *(os.path.abspath(entry) for entry in sys.path if entry)]
    options = {
        "QK_INSTALLED_APPS": '["live"]',
        "QK_DATA_DIR": str(folder),
        # No one reads the log while the clients send as fast as they can.
        "QK_ACCESS_LOG": "0",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    with ExitStack() as stack:
        arguments = ["--workers", "2"] if kind == "workers" else []
        process, url = stack.enter_context(server(*arguments, **options))
        if kind == "gateway":
            process, url = stack.enter_context(
                server("--upstream", f"live={url}", command="gateway", **options)
            )
        deadline = time.monotonic() + SECONDS
        while httpx.get(f"{url}/live/word").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process, url, int(url.rpartition(":")[2])


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
