"""Opening and closing the databases of this process.

Connections are opened by the first query, not before: a process starts while its database is
still down, answers "not ready", and serves as soon as the database answers.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.context import TortoiseContext, get_current_context

from fastapp.conf import settings
from fastapp.db.config import tortoise_config
from fastapp.exceptions import FastAppError


class _Shared:
    """The databases of this process, and how many applications and commands use them."""

    def __init__(self) -> None:
        self.context: TortoiseContext | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.users = 0
        self.lock = asyncio.Lock()


_shared = _Shared()


@asynccontextmanager
async def databases(*, serving: bool = False) -> AsyncIterator[TortoiseContext]:
    """The ORM, ready for use inside the block; what was opened is closed at the end of it.

    Blocks nest and overlap: the first one to begin opens, and the last one to end closes.

    Args:
        serving: whether requests are answered from them, for which no statement may take long.

    Raises:
        ImproperlyConfigured: the settings or an app's models are wrong. An unreachable database
            is no error here.
    """
    context = await _enter(serving)
    try:
        yield context
    finally:
        if _shared.context is context:
            _shared.users -= 1
            if _shared.users == 0:
                _shared.context = None
                await context.close_connections()


async def _enter(serving: bool) -> TortoiseContext:
    loop = asyncio.get_running_loop()
    if _shared.loop is not loop:
        _shared.loop, _shared.lock = loop, asyncio.Lock()
        if _shared.context is not None:
            # The loop that these belonged to ended without leaving its blocks.
            stale, _shared.context, _shared.users = _shared.context, None, 0
            await stale.close_connections()
    async with _shared.lock:
        if _shared.context is None:
            _shared.context = await _open(serving)
        _shared.users += 1
        return _shared.context


async def _open(serving: bool) -> TortoiseContext:
    config = tortoise_config(serving=serving)
    # Statements are cached for the process by alias and table, in the dialect of the database that
    # had the alias first.
    EXECUTOR_CACHE.clear()
    context = TortoiseContext()
    with context, warnings.catch_warnings():
        # No app with models is no mistake.
        warnings.filterwarnings("ignore", message=r'Module ".*placeholder" has no models')
        await context.init(
            config=config,
            use_tz=True,
            timezone=settings.TIME_ZONE,
            # Servers run the lifespan in a task of its own, so that requests cannot inherit the
            # context from it.
            _enable_global_fallback=True,
        )
    return context


def connection(alias: str = "default") -> BaseDBAsyncClient:
    """The client of a database; inside a transaction, that transaction.

    Raises:
        FastAppError: the databases are not open.
    """
    found = open_connection(alias)
    if found is None:
        raise FastAppError("the databases are not open: use 'async with databases()'")
    return found


def open_connection(alias: str) -> BaseDBAsyncClient | None:
    """As :func:`connection`; None while the databases are not open."""
    context = get_current_context()
    return None if context is None else context.connections.get(alias)
