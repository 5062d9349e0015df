"""Programs that a test starts."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: How long the start of one may take on a busy machine, and its end.
START_SECONDS = 90.0
END_SECONDS = 10.0


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    """Reads the log of a process, which the block gets, and ends the process after it."""
    log: list[str] = []
    # Nothing else reads it, and a full pipe would stop the process.
    reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        yield log
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(END_SECONDS)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
