"""How a database's connection pool is doing, where the driver has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tortoise.backends.base.client import BaseDBAsyncClient


@dataclass(frozen=True, slots=True)
class PoolState:
    """Numbers of connections.

    Attributes:
        size: open ones.
        free: of these, not in use.
        limit: how many there may be.
        waiting: tasks that wait for one; None where that is not known.
    """

    size: int
    free: int
    limit: int
    waiting: int | None = None


@runtime_checkable
class Pooled(Protocol):
    """A client with a pool."""

    def pool_state(self) -> PoolState | None:
        """How the pool is doing; None before the first query has opened it."""


def pool_state(client: BaseDBAsyncClient) -> PoolState | None:
    """How the pool of a client is doing; None when it has none, or none yet."""
    return client.pool_state() if isinstance(client, Pooled) else None


def no_connection_in(seconds: float | None, state: PoolState | None) -> str:
    """Why a task that waited for this long got no connection."""
    text = f"no connection in {seconds:g} seconds"
    if state is not None and state.size - state.free >= state.limit:
        text += f", as all {state.limit} of the pool are in use"
    return text
