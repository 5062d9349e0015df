"""A server that takes connections and never answers: its processes are stopped for a while."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def family(process: subprocess.Popen[bytes]) -> list[int]:
    """The process and its children."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    return [process.pid, *map(int, children.split())]


@contextmanager
def paused(process: subprocess.Popen[bytes] | None) -> Iterator[None]:
    """Inside the block the server stands still. The kernel takes connections for it."""
    assert process is not None
    # The first one makes no more children then.
    os.kill(process.pid, signal.SIGSTOP)
    stopped = family(process)
    for pid in stopped[1:]:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)
