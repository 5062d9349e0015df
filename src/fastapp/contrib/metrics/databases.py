"""Metrics of the databases' connection pools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from prometheus_client import Gauge

from fastapp.conf import settings
from fastapp.db.lifecycle import open_connection
from fastapp.db.pools import PoolState, pool_state

#: Seconds between two looks, where another process answers for this one.
INTERVAL: Final = 5.0

CONNECTIONS = Gauge(
    "fastapp_db_pool_connections",
    "Connections of a database's pool: in_use, or free.",
    ("database", "state"),
    multiprocess_mode="livesum",
)
LIMIT = Gauge(
    "fastapp_db_pool_connections_max",
    "Connections that a database's pool may have.",
    ("database",),
    multiprocess_mode="livesum",
)
WAITING = Gauge(
    "fastapp_db_pool_waiting",
    "Tasks that wait for a connection of a database's pool.",
    ("database",),
    multiprocess_mode="livesum",
)


def look() -> None:
    """Read the pools; databases that are not connected, or have no pool, are left out."""
    for alias, state in _states():
        CONNECTIONS.labels(alias, "in_use").set(state.size - state.free)
        CONNECTIONS.labels(alias, "free").set(state.free)
        LIMIT.labels(alias).set(state.limit)
        if state.waiting is not None:
            WAITING.labels(alias).set(state.waiting)


def _states() -> Iterator[tuple[str, PoolState]]:
    for alias in settings.databases:
        client = open_connection(alias)
        state = None if client is None else pool_state(client)
        if state is not None:
            yield alias, state


@asynccontextmanager
async def looking() -> AsyncIterator[None]:
    """Look now and then, inside the block."""

    async def work() -> None:
        while True:
            look()
            await asyncio.sleep(INTERVAL)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
