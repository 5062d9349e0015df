"""Commands that are ``async`` functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any


def asynchronous[**P, R](function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """Make an ``async def`` usable as a click command. Put it below ``@click.command``."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return asyncio.run(function(*args, **kwargs))

    return run


def with_databases[**P, R](
    function: Callable[P, Awaitable[R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    """Open the databases around an ``async def``."""

    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from fastapp.db.lifecycle import databases

        async with databases():
            return await function(*args, **kwargs)

    return run
