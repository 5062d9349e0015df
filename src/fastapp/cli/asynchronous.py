"""Helpers of commands."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any


def installed(package: str) -> bool:
    """Whether a top-level package can be imported; it is not."""
    return importlib.util.find_spec(package) is not None


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
