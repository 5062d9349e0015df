"""`make cache-server`: BuildGrid and the Redis it keeps its results in, until a signal.

Everything is in one folder, so that a server that starts there again has what the last one had,
however that ended.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import secrets
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from types import FrameType

from cache_server.settings import (
    CacheServerError,
    Settings,
    check_address_is_free,
    read_settings,
)
from listening.address import AddressError

# Reading a large append-only file takes Redis a while.
_START_SECONDS = 600.0
_STOP_SECONDS = 30.0
# As long as the processes of a server that was killed need to follow it.
_LOCK_SECONDS = 10.0
_PAUSE = 0.05
# Between two looks at the size of the store.
_CLEANUP_SECONDS = 10
_PR_SET_PDEATHSIG = 1


class _StoppedError(Exception):
    """A signal stopped the server."""


class _Process:
    """One of the server's programs, which ends with this one."""

    def __init__(self, name: str, command: Sequence[str | Path], lock: int) -> None:
        self.name = name
        try:
            self.running = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                # Held by all of them: a folder is free when the last has ended.
                pass_fds=[lock],
                # Ctrl-C is for this program, which stops the others in their order.
                start_new_session=True,
                # This program has one thread.
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        except OSError as error:
            raise CacheServerError(
                f"{name} cannot be started: {command[0]}: {error.strerror}. Fix: install it again."
            ) from None

    def check(self) -> None:
        """Fail if it has ended.

        Raises:
            CacheServerError: it has.
        """
        status = self.running.poll()
        if status is not None:
            raise CacheServerError(
                f"{self.name} ended by itself: exit status {status}. "
                "Fix: see what it wrote above; start the server again."
            )

    def stop(self) -> None:
        """End it, and wait for that."""
        self.running.terminate()
        try:
            self.running.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the folder; the descriptor of its lock.

    Raises:
        CacheServerError: another server has it, or it cannot be written to.
    """
    path = folder / "lock"
    try:
        opened = path.open("w", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from None
    with opened as lock:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CacheServerError(
                        f"another cache server uses the folder: --folder={folder}. "
                        "Fix: stop that one, or name another folder."
                    ) from None
                time.sleep(_PAUSE)
        yield lock.fileno()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _write_private(path: Path, text: str) -> None:
    """Replace a file as a whole; only this user can read it."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        new.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> CacheServerError:
    return CacheServerError(
        f"writing to the folder: {path}: {error.strerror}. "
        "Fix: free space on its disk, or give this user the files of --folder."
    )


def _write_configuration(settings: Settings, redis_port: int, secret: str) -> None:
    folder = settings.folder
    try:
        (folder / "redis").mkdir(exist_ok=True)
    except OSError as error:
        raise _unwritable(folder / "redis", error) from None
    password = folder / "redis-password"
    _write_private(password, secret)
    values = {
        "address": str(settings.address),
        "statsd": str(settings.statsd or "127.0.0.1:8125"),
        "has_statsd": str(settings.statsd is not None).lower(),
        "redis_port": str(redis_port),
        "redis_password": str(password),
        "redis_secret": secret,
        "redis_folder": str(folder / "redis"),
        "blobs": str(folder / "blobs"),
        "quota": str(settings.quota),
        "quota_after_cleanup": str(settings.quota * 4 // 5),
        "batch": str(settings.quota // 20),
        "keep_hours": str(settings.keep_hours),
    }
    for name in ("redis.conf", "buildgrid.yml"):
        template = resources.files("cache_server").joinpath(name).read_text(encoding="utf-8")
        _write_private(folder / name, string.Template(template).substitute(values))


def _redis_answers(port: int, secret: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(f"AUTH {secret}\r\nPING\r\n".encode())
            # While it reads its file, it answers with an error.
            answers = connection.makefile("rb")
            return answers.readline() + answers.readline() == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False


def _listens(settings: Settings) -> bool:
    address = settings.address.from_here
    try:
        with socket.create_connection((address.host, address.port), 1):
            return True
    except OSError:
        return False


def _bgd(*words: str | Path) -> list[str | Path]:
    """BuildGrid's own program, in the environment that this one runs in."""
    return [sys.executable, "-c", "from buildgrid.server.app import cli; cli()", *words]


def _serve(settings: Settings, lock: int, processes: list[_Process]) -> None:
    """Start everything, and look after it until a signal.

    Raises:
        CacheServerError: a program does not start, or ends.
        _StoppedError: a signal stopped the server.
    """
    port, secret = _free_port(), secrets.token_hex(32)
    _write_configuration(settings, port, secret)

    def start(name: str, command: Sequence[str | Path]) -> _Process:
        processes.append(_Process(name, command, lock))
        return processes[-1]

    redis = start("Redis", [settings.redis, settings.folder / "redis.conf"])
    deadline = time.monotonic() + _START_SECONDS
    while not _redis_answers(port, secret):
        _wait(redis, deadline)
    buildgrid = settings.folder / "buildgrid.yml"
    server = start("BuildGrid", _bgd("server", "start", "-v", buildgrid))
    while not _listens(settings):
        _wait(server, deadline)
    start(
        "the cleanup of BuildGrid",
        _bgd("cleanup", "start", "-v", f"--sleep-interval={_CLEANUP_SECONDS}", buildgrid),
    )
    print(f"cache-server: ready at grpc://{settings.address}, in {settings.folder}", flush=True)
    while True:
        for process in processes:
            process.check()
        time.sleep(0.5)


def _wait(process: _Process, deadline: float) -> None:
    process.check()
    if time.monotonic() > deadline:
        raise CacheServerError(
            f"{process.name} does not answer after {_START_SECONDS:.0f} seconds. "
            "Fix: see what it wrote above."
        )
    time.sleep(_PAUSE)


def _on_signals(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> None:
    _on_signals(signal.SIG_IGN)
    raise _StoppedError(signal.Signals(number).name)


def main() -> None:
    _on_signals(_stop)
    processes: list[_Process] = []
    try:
        settings = read_settings(sys.argv[1:], os.environ)
        with _locked(settings.folder) as lock:
            check_address_is_free(settings)
            try:
                _serve(settings, lock, processes)
            finally:
                # The programs are being stopped, whatever comes now.
                _on_signals(signal.SIG_IGN)
                for process in reversed(processes):
                    process.stop()
    except (AddressError, CacheServerError) as error:
        sys.exit(f"cache-server: {error}")
    except _StoppedError as signalled:
        print(f"cache-server: stopped by {signalled}", flush=True)


if __name__ == "__main__":
    main()
