"""Ending a process whose threads do not end.

Python waits for each thread that is no daemon, and asyncio for those of its executor, for minutes.
A thread that an app leaked, or a function of ``atexit``, would hold the process until it is killed.
"""

from __future__ import annotations

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


def leave_within(seconds: float, code: int = 0) -> None:
    """End the process at the latest then, however busy its threads are.

    Does nothing outside the main thread, where the process is not the server's to end.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    threading.Thread(target=_leave, args=(seconds, code), name="leaving", daemon=True).start()


def _leave(seconds: float, code: int) -> None:
    time.sleep(seconds)
    # Whatever fails here, the process ends.
    try:
        _warn(seconds)
        for stream in (sys.stdout, sys.stderr):
            # None, or closed.
            with contextlib.suppress(AttributeError, ValueError):
                stream.flush()
    finally:
        os._exit(code)


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
