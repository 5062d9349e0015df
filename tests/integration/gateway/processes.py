"""``manage.py gateway`` and others as processes whose log somebody reads."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from integration.gateway.services import Service
from integration.ports import free_port
from integration.programs import START_SECONDS, ended

import manage

MIB = 1 << 20


def command(*arguments: str, name: str = "gateway", **environment: str) -> subprocess.Popen[str]:
    """A command of ``manage.py`` that has been started."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    return subprocess.Popen(
        [sys.executable, str(manage.__file__), name, *arguments],
        env={
            **inherited,
            "PYTHONPATH": module_path(),
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
    with ended(process) as log:
        url = f"http://127.0.0.1:{port}"
        wait_until_up(process, f"{url}/healthz/live", log)
        yield process, url


@contextmanager
def service_process(port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service of :mod:`integration.gateway.services` in a process of its own, and its URL."""
    number = port or free_port()
    target = f"{Service.__module__}:{Service.__name__}"
    options = ["--ws", "websockets-sansio", "--log-level", "warning", "--port", str(number)]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", target, *options],
        env={**os.environ, "PYTHONPATH": module_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ended(process) as log:
        url = f"http://127.0.0.1:{number}"
        wait_until_up(process, f"{url}/shop/x", log)
        yield process, url


def module_path() -> str:
    """PYTHONPATH for a process that finds what this one finds."""
    return os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)


def wait_until_up(process: subprocess.Popen[str], url: str, log: list[str]) -> None:
    """Until it answers."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None:
        try:
            httpx.get(url)
        except httpx.TransportError:
            assert time.monotonic() < deadline, "".join(log)
            time.sleep(0.05)
        else:
            return
    raise AssertionError("".join(log))


def resident(process_id: int) -> int:
    """Bytes of memory that a process has."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
