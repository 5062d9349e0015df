"""Ending a process whose threads do not end.

Python waits for each thread that is no daemon, and asyncio for those of its executor, for minutes.
A thread that an app leaked, or a function of ``atexit``, would hold the process until it is killed;
so would a full pipe of its output that no one reads.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
import traceback
from typing import Final

logger = logging.getLogger("fastapp.server")

#: Seconds that threads get after the last request and the lifespan have ended.
PATIENCE: Final = 2.0
#: Seconds that the warning may take after that.
REPORT_LIMIT: Final = 1.0


def leave_within(seconds: float, code: int = 0) -> None:
    """End the process after these seconds, however busy its threads are, and log what held it.

    Does nothing outside the main thread, where the process is not the server's to end.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    # Both start now: an interpreter that shuts down starts no thread.
    reported = threading.Event()
    for target, args in ((_report, (seconds, reported)), (_leave, (seconds, reported, code))):
        threading.Thread(target=target, args=args, name="leaving", daemon=True).start()
    # The interpreter flushes its streams after it has stopped these threads, which is too late.
    atexit.register(_flush)


def _leave(seconds: float, reported: threading.Event, code: int) -> None:
    # A pipe that no one reads holds the report for ever.
    reported.wait(seconds + REPORT_LIMIT)
    os._exit(code)


def _report(seconds: float, reported: threading.Event) -> None:
    time.sleep(seconds)
    try:
        _warn(seconds)
    finally:
        _flush()
        reported.set()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # None, closed, or broken.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()


def _warn(seconds: float) -> None:
    """Log what holds the process."""
    main = threading.main_thread()
    names = [
        thread.name for thread in threading.enumerate() if not thread.daemon and thread is not main
    ]
    if names:
        logger.warning("threads left behind after %g s: %s", seconds, ", ".join(names))
        return
    place = "native code"
    # A function of C that atexit calls has no frame of Python.
    frame = sys._current_frames().get(main.ident or 0)
    if frame is not None:
        held = traceback.extract_stack(frame)[-1]
        place = f"{held.name} ({held.filename}:{held.lineno})"
    logger.warning("the process did not end in %g s: it was in %s", seconds, place)
