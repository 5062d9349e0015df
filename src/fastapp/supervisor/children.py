"""Waiting for children: those of the supervisor, and those that it inherits as process 1."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from fastapp.supervisor.process import ServiceProcess

logger = logging.getLogger("fastapp.supervisor")


class Children:
    """All processes that were started, by id.

    In a container the supervisor is process 1, and every process whose own parent ended becomes
    its child. Each child that ends is waited for, known or not, so that none stays a zombie.
    """

    def __init__(self) -> None:
        self._alive: dict[int, ServiceProcess] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def watch(self) -> None:
        """Start waiting, in the running event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.reap)

    def unwatch(self) -> None:
        """Stop waiting."""
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    def add(self, process: ServiceProcess) -> None:
        """Note a process that was just started, before the event loop gets to run."""
        self._alive[process.pid] = process

    def alive(self) -> list[ServiceProcess]:
        """Those that have not ended."""
        return list(self._alive.values())

    def reap(self) -> None:
        """Wait for every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            process = self._alive.pop(pid, None)
            if process is None:
                logger.debug("reaped process %d, which another program had started", pid)
                continue
            task = process.ended(os.waitstatus_to_exitcode(status))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
