"""One process of a service, as the supervisor sees it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

#: Goes around ``sys.path[0]`` and needs no ``PYTHONPATH``, which programs that the app starts on
#: other interpreters would inherit.
_START = (
    "import os, sys; sys.path[:] = os.environ.pop('FASTAPP_SERVICE_PATH').split(os.pathsep); "
    "from fastapp.supervisor.service import main; main()"
)


class ServiceProcess:
    """A child process that serves one app.

    Attributes:
        pid: its process id.
        loaded: None when the app is loaded, or the cause why it could not be.
        serving: done when the server takes requests.
        exited: the exit code, negative for a signal.
        up_since: when it was found to answer, on the monotonic clock; None before.
    """

    def __init__(self, label: str, listeners: Sequence[socket.socket], output: int) -> None:
        loop = asyncio.get_running_loop()
        self.loaded: asyncio.Future[str | None] = loop.create_future()
        self.serving: asyncio.Future[None] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.up_since: float | None = None
        self.cause: str | None = None
        self._gone = False
        ours, theirs = socket.socketpair()
        descriptors = [listener.fileno() for listener in listeners]
        with theirs:
            child = subprocess.Popen(
                [
                    sys.executable,
                    *("-c", _START, label, ",".join(map(str, descriptors))),
                    *(str(theirs.fileno()), str(os.getpid())),
                ],
                env={**os.environ, "FASTAPP_SERVICE_PATH": os.pathsep.join(absolute_path())},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(*descriptors, theirs.fileno()),
                # Ctrl-C in a terminal is for the supervisor alone.
                process_group=0,
            )
        self.pid = child.pid
        # The supervisor waits for all children at once; Popen must not wait for this one too.
        child.returncode = 0
        self._control = ours
        ours.setblocking(False)
        self._reading = loop.create_task(self._read())

    def go(self) -> None:
        """Let it serve."""
        self._send(b"g")

    def terminate(self) -> None:
        """Ask it to finish its requests and end."""
        self._signal(os.kill, signal.SIGTERM)

    def reload(self) -> None:
        """Ask it to end with no grace for open connections, whose answers would be of old code."""
        self._signal(os.kill, signal.SIGHUP)

    def kill(self) -> None:
        """End it at once, with every process that it started."""
        self._signal(os.killpg, signal.SIGKILL)

    def ended(self, code: int) -> asyncio.Task[None]:
        """Told by who waits for children: it has ended with this code."""
        self._gone = True
        return asyncio.get_running_loop().create_task(self._finish(code))

    async def _finish(self, code: int) -> None:
        # What it said last may still be on its way.
        await asyncio.wait({self._reading}, timeout=1.0)
        self._reading.cancel()
        self._control.close()
        if not self.exited.done():
            self.exited.set_result(code)

    def served_for(self) -> float:
        """Seconds since it was found to answer; 0 when it never was."""
        return 0.0 if self.up_since is None else time.monotonic() - self.up_since

    def _signal(self, how: Callable[[int, int], None], number: int) -> None:
        # Once its end is known, its id may belong to another process.
        if not self._gone:
            try:
                how(self.pid, number)
            except ProcessLookupError:
                return

    def _send(self, data: bytes) -> None:
        try:
            self._control.send(data)
        except OSError:
            return  # it has ended, which is told by its exit

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        rest = b""
        while True:
            try:
                data = await loop.sock_recv(self._control, 4096)
            except OSError:
                return
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._obey(json.loads(line))

    def _obey(self, message: dict[str, str]) -> None:
        if message["state"] == "serving" and not self.serving.done():
            self.serving.set_result(None)
        elif message["state"] == "failed":
            self.cause = message["cause"]
            self._loaded(self.cause)
        elif message["state"] == "loaded":
            self._loaded(None)

    def _loaded(self, cause: str | None) -> None:
        if not self.loaded.done():
            self.loaded.set_result(cause)


def absolute_path() -> list[str]:
    """``sys.path`` for a process that may start in another folder."""
    return [os.path.abspath(entry) for entry in sys.path]


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"
