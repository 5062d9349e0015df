"""``manage.py`` serving as a process on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from integration.ports import free_port

import manage

SECRET = "a secret of the tests, long enough 0123456789"
START_SECONDS = 90.0


@contextmanager
def server(
    *arguments: str, command: str = "runserver-aio", port: str = "", **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server and its URL; it is ended at the end of the block.

    Args:
        arguments: of the command.
        command: which server.
        port: where it will be, by the configuration of its app; "" chooses a free one.
        environment: variables of the process.
    """
    if not port:
        port = str(free_port())
        arguments = ("--port", port, *arguments)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    process = subprocess.Popen(
        [sys.executable, str(manage.__file__), command, *arguments],
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "QK_SECRET_KEY": SECRET,
            "QK_ALLOWED_HOSTS": "127.0.0.1",
            "QK_INSTALLED_APPS": '["apps.shop"]',
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{url}/healthz/live")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield process, url
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
