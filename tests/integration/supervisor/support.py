"""A project of small apps, ``runserver`` on it as a process, and clients that count."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from integration.ports import free_port

SECRET = "a secret of the tests, long enough 0123456789"
#: Bounds of waiting for a condition. Imports take far longer where other tests keep the
#: processors busy.
START_SECONDS = 90.0

SETTINGS = """
from pathlib import Path
from fastapp.conf import BaseSettings

class Settings(BaseSettings):
    BASE_DIR: Path = Path(__file__).resolve().parent

settings = Settings()
"""

URLS = """
import asyncio, os, pathlib
from fastapp.urls import path

async def info():
    return {"app": __name__.split(".")[1], "pid": os.getpid(), "word": "old"}

async def slow(seconds: float, marker: str = ""):
    if marker:
        pathlib.Path(marker).touch()
    await asyncio.sleep(seconds)
    return {"pid": os.getpid()}

urlpatterns = [path("info", info), path("slow", slow)]
"""


def write_project(folder: Path, **urls: str) -> dict[str, int]:
    """A project with one app for each keyword, whose value is its ``urls.py``; their ports."""
    (folder / "own_settings.py").write_text(SETTINGS, encoding="utf-8")
    (folder / "manage.py").write_text("from fastapp.cli import main\nmain()\n", encoding="utf-8")
    ports = {}
    for name, text in urls.items():
        app = folder / "apps" / name
        app.mkdir(parents=True)
        (folder / "apps" / "__init__.py").touch()
        (app / "__init__.py").touch()
        (app / "urls.py").write_text(text, encoding="utf-8")
        ports[name] = free_port()
        (app / "apps.py").write_text(
            f"from fastapp.apps import AppConfig\n\nclass Config(AppConfig):\n"
            f"    name = 'apps.{name}'\n    port = {ports[name]}\n",
            encoding="utf-8",
        )
    return ports


@dataclass
class Running:
    """``runserver`` as a process; its log is collected as it comes."""

    process: subprocess.Popen[str]
    ports: dict[str, int]
    lines: list[str] = field(default_factory=list)

    def get(self, path: str, limit: float = 60.0) -> Any:
        """JSON of a GET; the first part of the path names the app."""
        status, body = fetch(self.ports[path.split("/")[1]], path, limit)
        assert status == 200, body
        return json.loads(body)

    def wait_for(self, text: str, limit: float = START_SECONDS, times: int = 1) -> None:
        """Until that many lines of the log have the text."""
        deadline = time.monotonic() + limit
        while sum(text in line for line in self.lines) < times:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"no {text!r} in the log:\n{self.log}")
            time.sleep(0.02)

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def ended(self) -> int:
        """The exit code, waited for."""
        return self.process.wait(START_SECONDS)


def fetch(port: int, path: str, limit: float = 60.0) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def command(project: Path, *arguments: str, prefix: Sequence[str] = ()) -> list[str]:
    return [*prefix, sys.executable, str(project / "manage.py"), *arguments]


def environment(project: Path, **changes: str) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    # Absolute, for the process starts in another folder.
    path = [str(project), *(os.path.abspath(entry) for entry in sys.path if entry)]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(path),
        "FASTAPP_SETTINGS_MODULE": "own_settings",
        "QK_SECRET_KEY": SECRET,
        "QK_ALLOWED_HOSTS": "127.0.0.1",
        **changes,
    }


@contextmanager
def runserver(
    project: Path,
    ports: dict[str, int],
    *arguments: str,
    prefix: Sequence[str] = (),
    up: bool = True,
    **changes: str,
) -> Iterator[Running]:
    """``runserver`` until the end of the block, with all services up unless told."""
    process = subprocess.Popen(
        command(project, "runserver", *arguments, prefix=prefix),
        cwd=project,
        env=environment(project, **changes),
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Running(process, ports)
    collector = threading.Thread(target=_collect, args=(process, running.lines), daemon=True)
    collector.start()
    try:
        if up:
            running.wait_for(" is up at ", times=len(ports))
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        collector.join(START_SECONDS)


def _collect(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stderr is not None
    lines.extend(process.stderr)


class Load:
    """Clients that send requests to one app as fast as they are answered, and count outcomes.

    "ok"; "refused" when no connection was made, so that the request was never sent; "lost" when it
    was sent and not answered.
    """

    def __init__(self, port: int, path: str, clients: int, *, keep_alive: bool) -> None:
        self.outcomes: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.pids: set[int] = set()
        self._port, self._path, self._keep_alive = port, path, keep_alive
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {} if self._keep_alive else {"Connection": "close"}
        deadline = time.monotonic() + 120
        while not self._stop.is_set() and time.monotonic() < deadline:
            outcome = self._request(connection, headers)
            with self._lock:
                self.outcomes[outcome] += 1
            if outcome == "refused":
                time.sleep(0.05)
        connection.close()

    def _request(self, connection: http.client.HTTPConnection, headers: dict[str, str]) -> str:
        try:
            if connection.sock is None:
                connection.connect()
        except OSError:
            connection.close()
            return "refused"
        try:
            connection.request("GET", self._path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            with self._lock:
                self.causes[repr(exc)] += 1
            return "lost"
        with self._lock:
            self.pids.add(json.loads(body).get("pid", 0))
        return "ok" if answer.status == 200 else f"status {answer.status}"


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def children_of(pid: int) -> dict[int, str]:
    """State letter of every child process, by id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parts = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                if int(parts[1]) == pid:
                    found[int(entry.name)] = parts[0]
    return found


def eventually(condition: Any, limit: float) -> float:
    """Wait until the condition holds; the seconds that it took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < limit, f"not within {limit} s"
        time.sleep(0.02)
    return time.monotonic() - begin
