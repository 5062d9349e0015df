"""Starting, restarting and stopping the services of all apps."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any

from fastapp.draining import refuse_new_connections
from fastapp.exceptions import CommandError
from fastapp.supervisor import sockets
from fastapp.supervisor.backoff import Backoff
from fastapp.supervisor.children import Children
from fastapp.supervisor.log_stream import LogStream
from fastapp.supervisor.probe import answers
from fastapp.supervisor.process import ServiceProcess, describe_exit
from fastapp.supervisor.watching import changes

logger = logging.getLogger("fastapp.supervisor")

EXIT_DONE = 0
EXIT_BROKEN = 1
#: Some service had to be killed: the deadline passed, or a second signal came.
EXIT_KILLED = 3

#: Seconds that a service gets from its start until it answers.
READY_WITHIN = 60.0
PROBE_INTERVAL = 0.1
#: Seconds beyond SHUTDOWN_TIMEOUT for what comes after the last request: lifespans, pools.
SHUTDOWN_MARGIN = 5.0
#: With --reload no one wants to wait for a request that does not end.
RELOAD_DEADLINE = 5.0
#: A wait this long closes the port meanwhile: to be refused tells a gateway more than to wait.
CLOSE_PORT_FROM = 2.0


@dataclass(slots=True)
class Service:
    """An app and where it is served.

    Attributes:
        label: the app; "" for all of them in one process.
        prefix: first part of its URLs.
        host: address to listen on.
        port: the app's port.
        folder: where its sources are.
        listeners: its open sockets; empty while the port is closed.
    """

    label: str
    prefix: str
    host: str
    port: int
    folder: Path
    listeners: list[socket] = field(default_factory=list)

    def listen(self) -> None:
        """Open the port unless it is.

        Raises:
            CommandError: it is taken.
        """
        if not self.listeners:
            self.listeners = sockets.open_listeners(self.label, self.host, self.port)
            # Of 0 the system made a free one.
            self.port = self.listeners[0].getsockname()[1]

    @property
    def name(self) -> str:
        """What it is called in the log."""
        return self.label or "worker"

    @property
    def url(self) -> str:
        """Where the app is to be found."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/{self.prefix}"


@dataclass(slots=True)
class Slot:
    """A place for one process of a service; the processes in it follow each other.

    Attributes:
        service: what it serves.
        name: what its lines in the log are marked with.
        process: the one that is alive or was last.
        backoff: counts its failures.
        changed: set when the source was changed.
    """

    service: Service
    name: str
    process: ServiceProcess | None = None
    backoff: Backoff = field(default_factory=Backoff)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Runs services until it is told to stop.

    Args:
        services: their ports are open already.
        stream: takes their logs.
        workers: processes of each service.
        shutdown_timeout: seconds that requests in flight get.
        reload: folder to watch for changes, or None.
    """

    def __init__(
        self,
        services: Sequence[Service],
        stream: LogStream,
        *,
        workers: int = 1,
        shutdown_timeout: float = 30.0,
        reload: Path | None = None,
    ) -> None:
        self.services = services
        self.stream = stream
        self.shutdown_timeout = shutdown_timeout
        self.reload = reload
        self.slots = [
            Slot(service, service.name if workers == 1 else f"{service.name}:{number}")
            for service in services
            for number in range(1, workers + 1)
        ]
        self.children = Children()
        self.stopping = asyncio.Event()
        self.signals: list[signal.Signals] = []
        self.killed = False

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; a second one does not wait for requests.

        Returns:
            The exit code.

        Raises:
            CommandError: an app cannot be loaded; then no service has served anything.
        """
        loop = asyncio.get_running_loop()
        self.children.watch()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            if not await self._load_all():
                # As a command that was ended before it was done.
                return EXIT_KILLED if self.killed else 128 + self.signals[0]
            keepers = [asyncio.create_task(self._keep(slot)) for slot in self.slots]
            watcher = asyncio.create_task(self._watch(self.reload)) if self.reload else None
            try:
                await self._until_stopped(keepers)
                await self._drain(keepers)
            finally:
                for task in (*keepers, *([watcher] if watcher else ())):
                    task.cancel()
        finally:
            await self._kill_all()
            for service in self.services:
                sockets.close_all(service.listeners)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            self.children.unwatch()
        return EXIT_KILLED if self.killed else EXIT_DONE

    def _on_signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if len(self.signals) == 1:
            logger.info("%s: finishing requests in flight; once more to end at once", number.name)
            self.stopping.set()
        else:
            logger.warning("%s again: ending at once", number.name)
            self._force()

    def _force(self) -> None:
        for process in self.children.alive():
            self.killed = True
            process.kill()

    # Starting

    def _spawn(self, slot: Slot) -> ServiceProcess:
        slot.service.listen()
        output = self.stream.open_pipe(slot.name)
        try:
            slot.process = ServiceProcess(slot.service.label, slot.service.listeners, output)
        finally:
            os.close(output)
        self.children.add(slot.process)
        return slot.process

    async def _load_all(self) -> bool:
        """Start every process up to where it would serve; False when told to stop meanwhile."""
        started = [self._spawn(slot) for slot in self.slots]
        stop = asyncio.create_task(self.stopping.wait())
        loading = asyncio.gather(*(self._load(process) for process in started))
        await _first(stop, loading)
        stop.cancel()
        if not loading.done():
            loading.cancel()
            # Else asyncio complains about it with a traceback.
            await asyncio.gather(loading, return_exceptions=True)
            return False
        causes = list(dict.fromkeys(cause for cause in loading.result() if cause is not None))
        if causes:
            raise CommandError("no service was started:\n  " + "\n  ".join(causes))
        return True

    async def _load(self, process: ServiceProcess) -> str | None:
        """Wait until the app is loaded; the cause when it cannot be."""
        await _first(process.loaded, process.exited)
        if process.loaded.done():
            return process.loaded.result()
        label = next(slot.name for slot in self.slots if slot.process is process)
        return f"app {label!r}: the process ended: {describe_exit(process.exited.result())}"

    # Restarting

    async def _keep(self, slot: Slot) -> None:
        """Keep one slot filled, beginning with the process that was loaded for it."""
        process = slot.process
        while not self.stopping.is_set():
            if process is not None:
                await self._serve(slot, process)
                if self.stopping.is_set():
                    return
                if not slot.changed.is_set():
                    await self._pause(slot, process.served_for(), _reason(process))
            if slot.changed.is_set():
                slot.changed.clear()
                slot.backoff.reset()
            process = await self._respawn(slot)

    async def _respawn(self, slot: Slot) -> ServiceProcess | None:
        if self.stopping.is_set():
            return None
        try:
            return self._spawn(slot)
        except (CommandError, OSError) as exc:
            await self._pause(slot, 0.0, str(exc))
            return None

    async def _serve(self, slot: Slot, process: ServiceProcess) -> None:
        """From "loaded" to the end of the process."""
        await self._load(process)
        process.go()
        ready = asyncio.create_task(self._ready(slot, process))
        await _first(ready, process.exited)
        if not process.exited.done():
            if ready.result():
                process.up_since = time.monotonic()
                logger.info("%s is up at %s (process %d)", slot.name, slot.service.url, process.pid)
            elif not self.stopping.is_set():
                process.cause = f"no answer within {READY_WITHIN:g} s"
                process.kill()
        ready.cancel()
        await process.exited

    async def _ready(self, slot: Slot, process: ServiceProcess) -> bool:
        try:
            async with asyncio.timeout(READY_WITHIN):
                await process.serving
                while True:
                    if await answers(*sockets.probe_address(slot.service.listeners)):
                        return True
                    await asyncio.sleep(PROBE_INTERVAL)
        except (TimeoutError, IndexError):  # the latter: the port was closed, we are stopping
            return False

    async def _pause(self, slot: Slot, served: float, reason: str) -> None:
        """Log a failure and wait as long as the back-off says."""
        delay = slot.backoff.delay_after(served)
        when = f"in {delay:g} s" if delay else "now"
        logger.error(
            "%s ended (%s; failure %d in a row): starting it again %s",
            *(slot.name, reason, slot.backoff.failures, when),
        )
        if delay >= CLOSE_PORT_FROM and not self._others_alive(slot):
            sockets.close_all(slot.service.listeners)
        waiting = [asyncio.create_task(event.wait()) for event in (self.stopping, slot.changed)]
        await asyncio.wait(waiting, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    def _others_alive(self, slot: Slot) -> bool:
        return any(
            other.service is slot.service
            and other.process is not None
            and not other.process.exited.done()
            for other in self.slots
        )

    async def _watch(self, folder: Path) -> None:
        async for found in changes(folder):
            names = ", ".join(sorted(path.name for path in found)[:3])
            folders = [service.folder for service in self.services]
            common = any(not any(path.is_relative_to(one) for one in folders) for path in found)
            for slot in self.slots:
                inside = any(path.is_relative_to(slot.service.folder) for path in found)
                if inside or common:
                    logger.info("%s: %s changed, starting it again", slot.name, names)
                    slot.changed.set()
                    if slot.process is not None:
                        slot.process.reload()
                        loop = asyncio.get_running_loop()
                        loop.call_later(RELOAD_DEADLINE, slot.process.kill)

    # Stopping

    async def _until_stopped(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """Wait for the signal. A keeper never ends before, unless by a mistake in this module."""
        stop = asyncio.create_task(self.stopping.wait())
        await _first(stop, *keepers)
        for task in keepers:
            if task.done():
                task.result()

    async def _drain(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        for service in self.services:
            refuse_new_connections(service.listeners)
        for process in self.children.alive():
            process.terminate()
        for service in self.services:
            # The services hold them still, and close them when nothing waits in them any more.
            sockets.close_all(service.listeners)
        deadline = self.shutdown_timeout + SHUTDOWN_MARGIN
        _, pending = await asyncio.wait(keepers, timeout=deadline)
        if pending:
            names = [slot.name for slot in self.slots if slot.process in self.children.alive()]
            logger.error("not ended after %g s, killed: %s", deadline, ", ".join(names))
            self._force()
            await asyncio.wait(keepers, timeout=SHUTDOWN_MARGIN)
        else:
            logger.info("all services have ended")

    async def _kill_all(self) -> None:
        for process in self.children.alive():
            process.kill()
        waiting = [process.exited for process in self.children.alive()]
        if waiting:
            await asyncio.wait(waiting, timeout=SHUTDOWN_MARGIN)


async def _first(*futures: asyncio.Future[Any]) -> None:
    """Wait for one of these; none is cancelled."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _reason(process: ServiceProcess) -> str:
    code = describe_exit(process.exited.result())
    return f"{code}: {process.cause}" if process.cause else code
