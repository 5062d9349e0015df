"""A relay on loopback in front of a server: the network that a test needs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_CHUNK = 16384
_PAUSE = 0.02


@dataclass
class Network:
    """What the relay does with what passes; a test changes it while the relay runs.

    Attributes:
        delay: seconds until an answer goes on.
        rate: bytes of answers in each second and connection; 0 is no limit.
        is_silent: nothing goes on until it talks again; connections stay open.
        on_request: called once, with the first bytes of a client, before they go on.
        connections: how many clients have connected.
        received: bytes of answers so far.
    """

    delay: float = 0.0
    rate: int = 0
    is_silent: bool = False
    on_request: Callable[[], None] | None = None
    connections: int = 0
    received: int = 0

    async def until_it_talks(self) -> None:
        # Another thread ends it.
        while self.is_silent:  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE)


class _Relay:
    def __init__(self, network: Network, upstream: int) -> None:
        self._network = network
        self._upstream = upstream

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._network.connections += 1
        # Streams show a task that was cancelled, when the relay stops, as an error.
        with suppress(OSError, asyncio.CancelledError):
            server, to_server = await asyncio.open_connection("127.0.0.1", self._upstream)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._requests(reader, to_server))
                    both.create_task(self._answers(server, writer))
            except* OSError:
                pass
            finally:
                to_server.close()
        writer.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            network = self._network
            if network.on_request is not None:
                called, network.on_request = network.on_request, None
                await asyncio.to_thread(called)
            await network.until_it_talks()
            writer.write(data)
            await writer.drain()
        # The other direction ends with it.
        raise ConnectionResetError

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass answers on at their times, one after the other."""
        loop = asyncio.get_running_loop()
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)

        async def pass_on() -> None:
            free = loop.time()
            while True:
                moment, data = await due.get()
                free = max(free, moment)
                if self._network.rate:
                    free += len(data) / self._network.rate
                await asyncio.sleep(free - loop.time())
                await self._network.until_it_talks()
                writer.write(data)
                await writer.drain()
                if not data:
                    raise ConnectionResetError

        async with asyncio.TaskGroup() as both:
            both.create_task(pass_on())
            while True:
                data = await reader.read(_CHUNK)
                self._network.received += len(data)
                await due.put((loop.time() + self._network.delay, data))
                if not data:
                    break


@contextmanager
def relay(port: int, upstream: int) -> Iterator[Network]:
    """Listen on one port of loopback, and pass everything to another."""
    network = Network()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def stop() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(_Relay(network, upstream).serve, "127.0.0.1", port), loop
        ).result()
        try:
            yield network
        finally:
            asyncio.run_coroutine_threadsafe(stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
