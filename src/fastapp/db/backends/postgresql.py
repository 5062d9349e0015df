"""PostgreSQL through asyncpg, which is an optional package."""

from __future__ import annotations

import importlib
from typing import Any

from fastapp.db.backends.session import SessionTransaction
from fastapp.db.pools import PoolState
from fastapp.exceptions import ImproperlyConfigured

try:
    asyncpg: Any = importlib.import_module("asyncpg")
    from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
except ModuleNotFoundError as exc:
    raise ImproperlyConfigured(
        "DATABASES: the engine 'postgresql' needs the package 'asyncpg', which is not installed. "
        "Fix: add it to the requirements."
    ) from exc

from tortoise.backends.base.client import TransactionContext
from tortoise.exceptions import DBConnectionError
from tortoise.timezone import get_timezone


class PostgreSQLClient(AsyncpgDBClient):
    """Sets the session time zone on every pooled connection; reports a server that is down."""

    async def create_connection(self, with_db: bool) -> None:
        """Open the pool.

        Raises:
            DBConnectionError: the server cannot be reached or refuses.
        """
        settings: dict[str, Any] = self.server_settings
        settings.setdefault("timezone", get_timezone())
        try:
            await super().create_connection(with_db)
        except (OSError, asyncpg.PostgresError) as exc:
            raise DBConnectionError(
                f"cannot connect to PostgreSQL at {self.host}:{self.port}: {exc}"
            ) from exc

    def pool_state(self) -> PoolState | None:
        """How the pool is doing; None before the first query."""
        pool = self._pool
        if pool is None:
            return None
        return PoolState(pool.get_size(), pool.get_idle_size(), pool.get_max_size())


class SessionClient(TransactionWrapper):
    """One connection of the pool, outside of a transaction."""

    def _in_transaction(self) -> TransactionContext:
        return SessionTransaction(TransactionWrapper(self))


client_class = PostgreSQLClient
