"""PostgreSQL through asyncpg, which is an optional package."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from fastapp.db.backends.session import SessionTransaction
from fastapp.db.credentials import POOL_TIMEOUT
from fastapp.db.pools import PoolState, no_connection_in
from fastapp.exceptions import ImproperlyConfigured

try:
    asyncpg: Any = importlib.import_module("asyncpg")
    from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
except ModuleNotFoundError as exc:
    raise ImproperlyConfigured(
        "DATABASES: the engine 'postgresql' needs the package 'asyncpg', which is not installed. "
        "Fix: add it to the requirements."
    ) from exc

from tortoise.backends.base.client import (
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError
from tortoise.timezone import get_timezone

#: The connection is gone, was ended by the server, or gave no answer in time (an OSError).
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)


def _is_lost(exc: BaseException | None) -> bool:
    """Whether an error of the driver says that the connection cannot be used any more."""
    if isinstance(exc, asyncpg.InterfaceError):
        # So is a wrong number of values.
        return any(word in str(exc) for word in ("is closed", "released back to the pool"))
    return isinstance(exc, _LOST)


class _Translating:
    """Distinguishes a connection that is lost from a statement that is wrong.

    Attributes:
        command_timeout: seconds that the driver waits for an answer, or None.
    """

    command_timeout: float | None

    async def _translate_exceptions(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        tortoise: Any = super()
        try:
            return await tortoise._translate_exceptions(func, *args, **kwargs)
        except (*_LOST, asyncpg.InterfaceError) as exc:
            if not _is_lost(exc):
                raise
            raise DBConnectionError(self._why_lost(exc)) from exc

    def _why_lost(self, exc: BaseException) -> str:
        # One of the network has a number.
        if self.command_timeout and isinstance(exc, TimeoutError) and exc.errno is None:
            seconds = f"{self.command_timeout:g}"
            return (
                f"no answer to a statement in {seconds} seconds: command_timeout={seconds}: "
                "PostgreSQL stands still, or the statement takes longer. Fix: make it faster, or "
                "raise command_timeout in OPTIONS of DATABASES."
            )
        return f"lost the connection to PostgreSQL: {exc!r}"


class PostgreSQLClient(_Translating, AsyncpgDBClient):
    """Sets the session time zone on every pooled connection; reports a server that is down."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_timeout: float | None = self.extra.pop("pool_timeout", POOL_TIMEOUT)
        self.command_timeout = self.extra.get("command_timeout")

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
            raise DBConnectionError(self._unreachable(exc)) from exc

    def pool_state(self) -> PoolState | None:
        """How the pool is doing; None before the first query."""
        pool = self._pool
        if pool is None:
            return None
        return PoolState(pool.get_size(), pool.get_idle_size(), pool.get_max_size())

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        """A connection of the pool for the length of a ``with`` block."""
        return _PooledConnection(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(_TransactionWrapper(self), self._pool_init_lock)

    async def acquire(self, ensure_pool: Callable[[], Awaitable[None]]) -> Any:
        """A connection of the pool.

        Args:
            ensure_pool: opens the pool when it is not open.

        Raises:
            DBConnectionError: the server cannot be reached, or no connection is free in time.
        """
        limit = asyncio.timeout(self.pool_timeout)
        try:
            async with limit:
                await ensure_pool()
                pool: Any = self._pool
                return await pool.acquire()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
            cause = exc
            if limit.expired():
                cause = TimeoutError(no_connection_in(self.pool_timeout, self.pool_state()))
            raise DBConnectionError(self._unreachable(cause)) from exc

    def _unreachable(self, exc: Exception) -> str:
        return f"cannot connect to PostgreSQL at {self.host}:{self.port}: {exc}"


class _TransactionWrapper(_Translating, TransactionWrapper):
    """Closes a connection whose server may be busy with a statement that no one waits for.

    The driver would wait for its end, which may never come. The server rolls back by itself what
    such a connection has begun, and to ask for it would hide the error.
    """

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.command_timeout = connection.command_timeout

    async def _translate_exceptions(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._translate_exceptions(func, *args, **kwargs)
        except (DBConnectionError, asyncio.CancelledError):
            if not self._is_gone():
                self._connection.terminate()
            raise

    def _is_gone(self) -> bool:
        try:
            return bool(self._connection.is_closed())
        except asyncpg.InterfaceError:
            # The pool has taken it back.
            return True

    async def commit(self) -> None:
        await self._translate_exceptions(TransactionWrapper.commit)

    async def rollback(self) -> None:
        if not self._is_gone():
            try:
                await self._translate_exceptions(TransactionWrapper.rollback)
            except DBConnectionError as exc:
                # The connection is closed by now, and the error that leads here says more.
                self.log.warning("no answer to ROLLBACK: %s", exc)
        self._finalized = True

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_TransactionWrapper(self))


class _PooledConnection(PoolConnectionWrapper[Any]):
    async def __aenter__(self) -> Any:
        self.connection = await _client(self.client).acquire(self.ensure_connection)
        return self.connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection: Any = self.connection
        # The driver would wait for the end of the statement, which may never come.
        if _is_lost(error) or isinstance(error, asyncio.CancelledError):
            # The driver refuses this for a connection that is lost and known to be.
            with suppress(asyncpg.InterfaceError):
                connection.terminate()
        await super().__aexit__(kind, error, traceback)


class _Transaction(TransactionContextPooled):
    """Gives its connection back also when the transaction does not begin."""

    async def __aenter__(self) -> Any:
        client = _client(self.client._parent)
        self.client._connection = await client.acquire(self.ensure_connection)
        self.token = get_connections().set(self.connection_name, self.client)
        try:
            await self.client.begin()
        except BaseException as exc:
            self.client._finalized = True
            await self.__aexit__(type(exc), exc, None)
            raise
        return self.client


class SessionClient(_TransactionWrapper):
    """One connection of the pool, outside of a transaction."""

    def _in_transaction(self) -> TransactionContext:
        return SessionTransaction(_TransactionWrapper(self))


def _client(client: Any) -> PostgreSQLClient:
    assert isinstance(client, PostgreSQLClient)
    return client


client_class = PostgreSQLClient
