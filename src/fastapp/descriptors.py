"""How many connections a process may have open."""

from __future__ import annotations

import sys


def raise_file_limit() -> None:
    """Allow this process, and those it starts, as many open files as the system lets it.

    Each connection is one, two in the gateway. The limit that counts is 1024 on most systems, for
    the sake of programs that use ``select``; no server of ours does.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        # Some systems name a limit that they do not grant.
        return
