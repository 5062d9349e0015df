"""Transactions: ``async with atomic():`` or ``@atomic()``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from types import TracebackType
from typing import Any

from tortoise.transactions import in_transaction

DEFAULT_ALIAS = "default"


class Atomic:
    """A transaction, or a savepoint when one is open already. Made by :func:`atomic`."""

    def __init__(self, using: str) -> None:
        self.using = using
        # A stack, so that one object may be entered again inside itself.
        self._entered: list[Any] = []

    async def __aenter__(self) -> Any:
        context = in_transaction(self.using)
        client = await context.__aenter__()
        self._entered.append(context)
        return client

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._entered.pop().__aexit__(kind, error, traceback)

    def __call__[**P, R](self, function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        using = self.using

        @wraps(function)
        async def inside(*args: P.args, **kwargs: P.kwargs) -> R:
            async with Atomic(using):
                return await function(*args, **kwargs)

        return inside


def atomic(using: str = DEFAULT_ALIAS) -> Atomic:
    """Commit at the end of the block or function, or roll back when an exception leaves it.

    Inside another transaction of the same database it is a savepoint.

    Args:
        using: alias in DATABASES.
    """
    return Atomic(using)
