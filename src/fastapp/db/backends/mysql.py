"""MySQL and MariaDB through asyncmy.

What Tortoise ORM sets on one connection only (time zone, storage engine) is set here on every
connection of the pool, by the driver's ``init_command``: one statement, one round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import wraps
from types import TracebackType
from typing import Any

from fastapp.db.backends.mysql_session import STRICT_SQL_MODE, session_command, utc_offset
from fastapp.db.backends.session import SessionTransaction
from fastapp.db.credentials import POOL_TIMEOUT
from fastapp.db.errors import is_connection_lost
from fastapp.db.pools import PoolState, no_connection_in
from fastapp.exceptions import ImproperlyConfigured

try:
    import asyncmy
    from asyncmy import errors
except ModuleNotFoundError as exc:
    if exc.name != "asyncmy":
        raise
    raise ImproperlyConfigured(
        "DATABASES: the engine 'mysql' needs the package 'asyncmy', which is not installed. "
        "Fix: add it to the requirements."
    ) from exc

from asyncmy.charset import charset_by_name
from tortoise.backends.base.client import (
    ConnectionWrapper,
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.backends.mysql.client import MySQLClient as TortoiseMySQLClient
from tortoise.backends.mysql.client import TransactionWrapper, translate_exceptions
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError, OperationalError
from tortoise.timezone import get_default_timezone

#: Of a transaction, such as COMMIT.
_Step = Callable[..., Coroutine[None, None, Any]]

#: Connections of a pool at most, unless OPTIONS['pool_max_size'] says otherwise.
DEFAULT_POOL_SIZE = 10


class MySQLClient(TortoiseMySQLClient):
    """A pool whose connections are all set up alike, and that survives a restart of the server."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("maxsize", DEFAULT_POOL_SIZE)
        super().__init__(**kwargs)
        # The base class sets a default of its own in ``extra``; ours is asked for before it.
        self.sql_mode: str = kwargs.get("sql_mode") or STRICT_SQL_MODE
        self.extra.pop("sql_mode", None)
        self.time_zone: str | None = self.extra.pop("time_zone", None)
        self.further_init: str = self.extra.pop("init_command", "")
        self.pool_timeout: float | None = self.extra.pop("pool_timeout", POOL_TIMEOUT)
        #: Tasks that are waiting for a connection.
        self.waiting = 0

    async def create_connection(self, with_db: bool) -> None:
        """Open the pool.

        Raises:
            DBConnectionError: the server cannot be reached or refuses.
        """
        if charset_by_name(self.charset) is None:
            raise ImproperlyConfigured(
                f"DATABASES: OPTIONS['charset']={self.charset!r}: MySQL has no such charset. "
                "Fix: write 'utf8mb4', or leave it out."
            )
        now = datetime.now(tz=get_default_timezone())
        self._template = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "db": self.database if with_db else None,
            "autocommit": True,
            "charset": self.charset,
            "minsize": self.pool_minsize,
            "maxsize": self.pool_maxsize,
            "init_command": session_command(
                sql_mode=self.sql_mode,
                time_zone=self.time_zone or utc_offset(now),
                storage_engine=self.storage_engine,
                further=self.further_init,
            ),
            **self.extra,
        }
        try:
            self._pool = await asyncmy.create_pool(password=self.password, **self._template)
        except errors.OperationalError as exc:
            raise DBConnectionError(self._unreachable(exc)) from exc
        await self._post_connect()

    def pool_state(self) -> PoolState | None:
        """How the pool is doing; None before the first query."""
        pool = self._pool
        if pool is None:
            return None
        return PoolState(pool.size, pool.freesize, pool.maxsize, self.waiting)

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        """A connection of the pool for the length of a ``with`` block."""
        return _PooledConnection(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(_TransactionWrapper(self), self._pool_init_lock)

    def _unreachable(self, exc: Exception) -> str:
        place = self.extra.get("unix_socket") or f"{self.host}:{self.port}"
        return f"cannot connect to MySQL at {place}: {exc}"

    def _timed_out(self, limit: asyncio.Timeout, exc: TimeoutError) -> str:
        if limit.expired():
            exc = TimeoutError(no_connection_in(self.pool_timeout, self.pool_state()))
        return self._unreachable(exc)


def _translating(function: _Step) -> _Step:
    """As Tortoise ORM does; it lets through that the connection is closed already."""
    translated = translate_exceptions(function)

    @wraps(function)
    async def translating(client: Any) -> None:
        try:
            await translated(client)
        except errors.InterfaceError as exc:
            raise _lost(exc) from exc

    return translating


def _lost(exc: BaseException) -> DBConnectionError:
    return DBConnectionError(f"lost the connection to MySQL: {exc}")


class _ReportingLoss:
    """Reports a statement on a connection that is closed already."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wrapper: Any = super()
        await wrapper.__aexit__(kind, error, traceback)
        if isinstance(error, errors.InterfaceError):
            raise _lost(error) from error


class _PooledConnection(_ReportingLoss, PoolConnectionWrapper[Any]):
    """Distinguishes a server that is down from a statement that is wrong."""

    async def __aenter__(self) -> Any:
        client = _client(self.client)
        client.waiting += 1
        # The driver limits the TCP connection, not the greeting of the server behind it.
        limit = asyncio.timeout(client.pool_timeout)
        try:
            async with limit:
                return await super().__aenter__()
        except errors.OperationalError as exc:
            raise DBConnectionError(client._unreachable(exc)) from exc
        except TimeoutError as exc:
            raise DBConnectionError(client._timed_out(limit, exc)) from exc
        finally:
            client.waiting -= 1


class _HeldConnection(_ReportingLoss, ConnectionWrapper[Any]):
    """The connection of a transaction for the length of a statement."""


class _Transaction(TransactionContextPooled):
    """Survives connections that the server closed while they lay in the pool.

    The base class loses them: ``__aexit__`` never runs when ``__aenter__`` raises, so each BEGIN
    that fails would take a place in the pool for ever. As BEGIN changes nothing, it is tried again
    on the next connection; no other statement ever is.
    """

    async def __aenter__(self) -> Any:
        client = _client(self.client._parent)
        limit = asyncio.timeout(client.pool_timeout)
        try:
            async with limit:
                await self.ensure_connection()
                pool: Any = client._pool
                for _ in range(pool.maxsize):
                    if await self._begin(pool):
                        break
                else:
                    await self._begin(pool, last=True)
        except errors.OperationalError as exc:
            raise DBConnectionError(client._unreachable(exc)) from exc
        except TimeoutError as exc:
            raise DBConnectionError(client._timed_out(limit, exc)) from exc
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def _begin(self, pool: Any, *, last: bool = False) -> bool:
        client = _client(self.client._parent)
        client.waiting += 1
        try:
            raw = self.client._connection = await pool.acquire()
        finally:
            client.waiting -= 1
        try:
            await self.client.begin()
        except BaseException as exc:
            raw.close()
            await pool.release(raw)
            if last or not (isinstance(exc, OperationalError) and is_connection_lost(exc)):
                raise
            return False
        return True


class _TransactionWrapper(TransactionWrapper):
    """Reports a connection that is lost in every operation, and asks only an open one to roll back.

    The server does that by itself when one is gone, and the driver's refusal would hide the error.
    """

    begin = _translating(TransactionWrapper.begin)
    commit = _translating(TransactionWrapper.commit)
    savepoint = _translating(TransactionWrapper.savepoint)
    release_savepoint = _translating(TransactionWrapper.release_savepoint)

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        """The connection of the transaction for the length of a ``with`` block."""
        return _HeldConnection(self._lock, self)

    async def rollback(self) -> None:
        await self._roll_back(translate_exceptions(TransactionWrapper.rollback))

    async def savepoint_rollback(self) -> None:
        await self._roll_back(translate_exceptions(TransactionWrapper.savepoint_rollback))

    async def _roll_back(self, function: _Step) -> None:
        if self._connection.connected:
            try:
                await function(self)
            except OperationalError as exc:
                if not is_connection_lost(exc):
                    raise
                # The error that leads here says more. The server rolls back what is closed.
                self._connection.close()
                self.log.warning("no answer to ROLLBACK: %s", exc)
        self._finalized = True

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_TransactionWrapper(self))


class SessionClient(_TransactionWrapper):
    """One connection of the pool, outside of a transaction."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.charset = client.charset

    def _in_transaction(self) -> TransactionContext:
        return SessionTransaction(_SessionTransaction(self))


class _SessionTransaction(_TransactionWrapper):
    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.charset = client.charset


def _client(client: Any) -> MySQLClient:
    assert isinstance(client, MySQLClient)
    return client


client_class = MySQLClient
