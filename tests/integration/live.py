"""A server of each kind with a small app, for tests of how servers end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from integration.ports import free_port
from integration.serving import server

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
CONFIG = """
from fastapp.apps import AppConfig

class Live(AppConfig):
    name = "live"
    port = {port}
"""
KINDS = ["runserver-aio", "workers", "runserver", "gateway"]
REQUEST = b"GET /live/word HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@contextmanager
def running(
    folder: Path, kind: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """A server of a kind: its process, URL and port."""
    app = folder / "live"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "asgi.py").write_text(APP, encoding="utf-8")
    port = free_port()
    (app / "apps.py").write_text(CONFIG.format(port=port), encoding="utf-8")
    paths = [str(folder), *(os.path.abspath(entry) for entry in sys.path if entry)]
    options = {
        "QK_INSTALLED_APPS": '["live"]',
        "QK_DATA_DIR": str(folder),
        # No one reads the log while the clients send as fast as they can.
        "QK_ACCESS_LOG": "0",
        "PYTHONPATH": os.pathsep.join(paths),
        **environment,
    }
    with ExitStack() as stack:
        if kind == "runserver":
            started = server(command="runserver", port=str(port), **options)
        else:
            started = server(*(["--workers", "2"] if kind == "workers" else []), **options)
        process, url = stack.enter_context(started)
        if kind == "gateway":
            process, url = stack.enter_context(
                server("--upstream", f"live={url}", command="gateway", **options)
            )
        deadline = time.monotonic() + SECONDS
        while httpx.get(f"{url}/live/word").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process, url, int(url.rpartition(":")[2])
