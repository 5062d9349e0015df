"""Ending with the parent, however it ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> bool:
    """Have the kernel kill this process when its parent is gone.

    SIGKILL and not SIGTERM: no process is left that would kill a service that ignores it.

    Args:
        parent: process id that the parent had when it started this process. When it is gone
            already, this process ends here.

    Returns:
        Whether the kernel takes care of it. Elsewhere than on Linux it does not; the service then
        notices that its control channel is closed.
    """
    done = sys.platform == "linux" and _set_parent_death_signal()
    # The parent may have ended before the line above; then the signal never comes.
    if os.getppid() != parent:
        os._exit(1)
    return done


def _set_parent_death_signal() -> bool:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        return bool(libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
