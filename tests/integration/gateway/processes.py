"""``manage.py gateway`` and others as processes whose log somebody reads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from integration.gateway.support import SECONDS, free_port

import manage

START_SECONDS = 30.0
MIB = 1 << 20


def command(
    *arguments: str, name: str = "gateway", **environment: str
) -> subprocess.Popen[str]:
    """A command of ``manage.py`` that has been started."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    return subprocess.Popen(
        [sys.executable, str(manage.__file__), name, *arguments],
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry),
            "QK_ALLOWED_HOSTS": "127.0.0.1",
            "QK_INSTALLED_APPS": "[]",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def gateway(
    *arguments: str, name: str = "gateway", **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running gateway, or another server, and its URL; it is ended at the end of the block."""
    port = free_port()
    process = command("--port", str(port), *arguments, name=name, **environment)
    log: list[str] = []
    # Nobody else reads it, and a full pipe would stop the process.
    reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
    reader.start()
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{url}/healthz/live")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        assert process.poll() is None, "".join(log)
        yield process, url
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(SECONDS)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def resident(process: subprocess.Popen[str]) -> int:
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
