"""Servers as processes, and what they use of the machine."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_EXTRA_PATH = "/usr/sbin:/usr/local/sbin"


class MeasurementError(RuntimeError):
    """Something cannot be measured; the text says what and why."""


def find_program(name: str) -> str:
    """Where a program is.

    Raises:
        MeasurementError: it is not installed.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_EXTRA_PATH}")
    if found is None:
        raise MeasurementError(
            f"the program {name} is not installed. Fix: install it, as make bench-server does"
        )
    return found


def free_port() -> int:
    """A port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        port: on the loopback address.
        pids: of its processes that serve.
        ready_after: seconds from its start to its first answer.
    """

    port: int
    pids: tuple[int, ...]
    ready_after: float

    def cpu(self) -> float:
        """Seconds of processor time that it has used, to the microsecond."""
        return sum(_cpu(pid) for pid in self.pids)

    def memory(self, name: str = "VmRSS") -> int:
        """Bytes: ``VmRSS`` now, ``VmHWM`` at most since :meth:`forget_peak`."""
        return sum(_status(pid, name) for pid in self.pids)

    def forget_peak(self) -> None:
        """Begin to look for the most memory from now on."""
        for pid in self.pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _cpu(pid: int) -> float:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise MeasurementError(f"the system does not tell {name} of a process")


@contextmanager
def serving(
    command: Sequence[str],
    port: int,
    *,
    folder: Path,
    environment: Mapping[str, str],
    workers_below: bool = False,
) -> Iterator[Server]:
    """Run a server until the end of the block, from when it answers.

    Args:
        command: with its arguments.
        port: where it will listen.
        folder: its working directory; its log is a file there.
        environment: its variables.
        workers_below: its children serve, not itself.

    Raises:
        MeasurementError: it ended, or gave no answer; with the end of its log.
    """
    log = folder / f"log-{port}.txt"
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=output, stderr=output
        )
    try:
        while not _answers(port):
            gone = process.poll() is not None
            if gone or time.perf_counter() - began > _START_SECONDS:
                end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise MeasurementError(f"{' '.join(command)} does not serve:\n{end}")
            time.sleep(0.002)
        ready = time.perf_counter() - began
        pids = children_of(process.pid) if workers_below else (process.pid,)
        yield Server(port, pids, ready)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz/live")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def children_of(pid: int) -> tuple[int, ...]:
    """The processes that a process has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return tuple(int(child) for child in listed.split())
