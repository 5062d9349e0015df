"""One migration process at a time: the lock, and the connection that holds it.

What is run goes through that connection. When the process dies in the middle of a statement, the
server goes on with it, and keeps the lock until it is done.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError

from fastapp.conf import settings
from fastapp.db.lifecycle import connection
from fastapp.exceptions import CommandError

#: Seconds that a migration waits for another one, unless told otherwise.
DEFAULT_WAIT = 600.0
_PAUSE = 0.1

Notify = Callable[[str], object]


@asynccontextmanager
async def migration_session(
    alias: str, *, wait: float = DEFAULT_WAIT, notify: Notify | None = None
) -> AsyncIterator[BaseDBAsyncClient]:
    """The client of a database that no other process migrates inside the block.

    SQLite locks its file for each migration (:func:`write_transaction`), and not here.

    Args:
        alias: the database.
        wait: seconds to wait for another process.
        notify: called with a line when there is another one.

    Raises:
        CommandError: the database cannot be reached, or the other process took too long.
    """
    client = connection(alias)
    dialect = client.capabilities.dialect
    await _reach(alias, client, wait)
    if dialect == "sqlite":
        async with _without_foreign_keys(client):
            yield client
        return
    held = await _hold(client, dialect)
    pool: Any = held._parent._pool
    raw = held._connection
    token = get_connections().set(alias, held)
    try:
        await _until_free(
            lambda: _try_lock(held, dialect), alias, _deadline(wait), wait, notify=notify
        )
        yield held
    finally:
        get_connections().reset(token)
        await _unlock(held, dialect)
        await pool.release(raw)


def write_transaction(
    client: BaseDBAsyncClient, *, wait: float = DEFAULT_WAIT, notify: Notify | None = None
) -> TransactionContext:
    """A transaction in which no one else writes to the schema.

    Args:
        client: from :func:`migration_session`.
        wait: seconds to wait for another process (SQLite).
        notify: called with a line when there is another one (SQLite).
    """
    if client.capabilities.dialect != "sqlite":
        return client._in_transaction()
    sqlite: Any = client
    return _ImmediateContext(_ImmediateTransaction(sqlite, wait, notify), sqlite._lock)


class _ImmediateTransaction(SqliteTransactionWrapper):
    """Locks the file for writing at its start."""

    def __init__(self, client: Any, wait: float, notify: Notify | None) -> None:
        super().__init__(client)
        self.wait, self.notify = wait, notify

    async def begin(self) -> None:
        """Begin, when no other process writes any more."""

        async def begin() -> bool:
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                if "locked" not in str(exc):
                    raise
                return False
            return True

        await _until_free(
            begin, self.connection_name, _deadline(self.wait), self.wait, notify=self.notify
        )


class _ImmediateContext(SqliteTransactionContext):
    """Gives the connection back when the transaction does not begin."""

    async def __aenter__(self) -> Any:
        try:
            return await super().__aenter__()
        except BaseException:
            get_connections().reset(self.token)
            self._trxlock.release()
            raise


async def _reach(alias: str, client: BaseDBAsyncClient, wait: float) -> None:
    """Open the connection, and tell of one that cannot be."""
    deadline = _deadline(wait)
    while True:
        try:
            await client.execute_query("SELECT 1")
        except Exception as exc:
            # Several processes that make the same SQLite file at once are in each other's way.
            busy = client.capabilities.dialect == "sqlite" and "database is locked" in str(exc)
            if not busy or time.monotonic() > deadline:
                raise CommandError(f"database {alias!r} is not reachable: {exc}") from exc
            await asyncio.sleep(_PAUSE)
        else:
            return


async def _hold(client: BaseDBAsyncClient, dialect: str) -> BaseDBAsyncClient:
    """A client on one connection of the pool, outside of a transaction."""
    # The driver of the other need not be installed.
    engine = "mysql" if dialect == "mysql" else "postgresql"
    kind: Any = importlib.import_module(f"fastapp.db.backends.{engine}").SessionClient
    pool = client._pool
    held = kind(client)
    try:
        held._connection = await pool.acquire()
    except Exception as exc:
        raise DBConnectionError(str(exc)) from exc
    session: BaseDBAsyncClient = held
    return session


async def _try_lock(client: BaseDBAsyncClient, dialect: str) -> bool:
    if dialect == "mysql":
        rows = await client.execute_query_dict("SELECT GET_LOCK(%s, 1) AS held", [_name(client)])
    else:
        rows = await client.execute_query_dict(
            "SELECT pg_try_advisory_lock($1)::int AS held", [_number(client)]
        )
    return bool(rows[0]["held"])


async def _unlock(client: BaseDBAsyncClient, dialect: str) -> None:
    try:
        if dialect == "mysql":
            await client.execute_query("SELECT RELEASE_LOCK(%s)", [_name(client)])
        else:
            await client.execute_query("SELECT pg_advisory_unlock($1)", [_number(client)])
    except Exception:  # noqa: BLE001 - a connection that is gone holds no lock
        raw = client._connection
        with suppress(Exception):
            (raw.close if dialect == "mysql" else raw.terminate)()


def _database(client: BaseDBAsyncClient) -> str:
    return str(settings.databases[client.connection_name].name)


def _name(client: BaseDBAsyncClient) -> str:
    """Locks of MySQL are the whole server's, and their names are short."""
    digest = hashlib.sha256(_database(client).encode()).hexdigest()[:16]
    return f"fastapp.migrate.{digest}"


def _number(client: BaseDBAsyncClient) -> int:
    digest = hashlib.sha256(f"fastapp.migrate.{_database(client)}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _deadline(wait: float) -> float:
    return time.monotonic() + wait


async def _until_free(
    attempt: Callable[[], Awaitable[bool]],
    alias: str,
    deadline: float,
    wait: float,
    *,
    notify: Notify | None,
) -> None:
    told = False
    while not await attempt():
        if time.monotonic() > deadline:
            raise CommandError(
                f"cannot migrate database {alias!r}: another process migrates it, and was not done "
                f"after --wait={wait:g} seconds. Fix: let it end, then run migrate again."
            )
        if not told and notify is not None:
            notify(f"Waiting for another process that migrates database {alias!r}.")
            told = True
        await asyncio.sleep(_PAUSE)


@asynccontextmanager
async def _without_foreign_keys(client: BaseDBAsyncClient) -> AsyncIterator[None]:
    """Tables are made again under their own name, and what refers to them must not notice."""
    rows = await client.execute_query_dict("PRAGMA foreign_keys")
    await client.execute_query("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        if rows[0]["foreign_keys"]:
            await client.execute_query("PRAGMA foreign_keys = ON")
