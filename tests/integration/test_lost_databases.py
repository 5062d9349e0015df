"""Databases that stop answering, end or drop a connection, below requests that are served."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from httpx import AsyncClient
from integration import mariadb
from integration.pausing import paused
from integration.postgresql import PostgreSQL
from integration.serving import SECRET
from integration.shop_app import migrated_shop
from tortoise.exceptions import DBConnectionError, OperationalError

import manage
from fastapp.apps import apps
from fastapp.conf import override_settings
from fastapp.db.errors import is_connection_lost
from fastapp.db.lifecycle import connection, databases
from fastapp.db.transaction import atomic

pytestmark = pytest.mark.asyncio

#: Far less than the default, and far more than an answer takes.
LIMIT = 1.5
#: More than the limits of a request together, far less than the defaults.
PATIENCE = 20.0
ORDER = {"customer": "x", "lines": [{"product_id": 1, "quantity": 1}]}


@dataclass
class Server:
    """A server of either kind.

    Attributes:
        engine: its name in DATABASES.
        statement_option: the option that limits a statement.
        sleep: a statement that takes so many seconds.
        kill: a statement that ends the connection that runs it.
    """

    server: Any
    engine: str
    statement_option: str
    sleep: str
    kill: str

    def database(self, **options: Any) -> dict[str, Any]:
        return {
            "ENGINE": self.engine,
            "NAME": mariadb.DATABASE,
            "HOST": "127.0.0.1",
            "PORT": self.server.port,
            "USER": mariadb.USER,
            "PASSWORD": mariadb.PASSWORD,
            "OPTIONS": {"pool_max_size": 3, **options},
        }

    def limits(self, seconds: float = LIMIT) -> dict[str, float]:
        return {"pool_timeout": seconds, self.statement_option: seconds}

    def paused(self) -> AbstractContextManager[None]:
        return paused(self.server.process)


@pytest.fixture(params=["mysql", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    apps.clear()
    if request.param == "mysql":
        yield Server(
            request.getfixturevalue("mariadb"),
            *("mysql", "read_timeout", "SELECT SLEEP({})", "KILL CONNECTION CONNECTION_ID()"),
        )
    else:
        yield Server(
            request.getfixturevalue("postgresql"),
            *("postgresql", "command_timeout", "SELECT pg_sleep({})"),
            "SELECT pg_terminate_backend(pg_backend_pid())",
        )
    apps.clear()


@asynccontextmanager
async def shop(server: Server, **options: Any) -> AsyncIterator[AsyncClient]:
    """A client of the shop, which has one product."""
    database = server.database(**options)
    async with migrated_shop(database, HEALTH_CHECK_TIMEOUT=LIMIT) as (_, client):
        if not (await client.get("/shop/products")).json()["results"]:
            product = {"sku": "1", "name": "one", "price": "1.00"}
            assert (await client.post("/shop/products", json=product)).status_code == 201
        # Several connections are open.
        await asyncio.gather(*(client.get("/shop/products") for _ in range(6)))
        yield client


async def statuses(client: AsyncClient) -> set[int]:
    """Of requests that need the database, more than the pool has connections, all at once."""
    requests: list[Callable[[], Any]] = [
        lambda: client.get("/shop/products"),
        lambda: client.post("/shop/orders", json=ORDER),
    ]
    answers = await asyncio.gather(*(ask() for ask in requests * 5))
    return {answer.status_code for answer in answers}


async def serves(client: AsyncClient) -> None:
    """It does, and each answer is the one to its request."""
    assert await statuses(client) == {200, 201}
    assert (await client.get("/healthz/ready")).status_code == 200
    assert (await client.get("/shop/products")).json()["results"][0]["sku"] == "1"


async def test_a_database_that_stands_still_is_503_in_time(server: Server) -> None:
    async with shop(server, **server.limits()) as client:
        with server.paused():
            began = time.monotonic()
            # Those that find a connection, and those after them, which need a new one.
            assert await statuses(client) == {503}
            assert await statuses(client) == {503}
            assert (await client.get("/healthz/ready")).status_code == 503
            assert time.monotonic() - began < PATIENCE
        await serves(client)


async def test_readiness_does_not_wait_for_a_statement(server: Server) -> None:
    """Its own limit is the shorter one; what it leaves behind spoils no other request."""
    async with shop(server, **server.limits(10 * PATIENCE)) as client:
        with server.paused():
            async with asyncio.timeout(PATIENCE):
                for _ in range(5):
                    answer = await client.get("/healthz/ready")
                    assert answer.status_code == 503
        await serves(client)


async def test_servers_limit_statements_and_commands_do_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapp.db.credentials.STATEMENT_TIMEOUT", 0.5)
    slow = server.sleep.format(1.5)
    async with shop(server):
        with pytest.raises((DBConnectionError, OperationalError)) as caught:
            await connection().execute_query(slow)
        assert is_connection_lost(caught.value)
    async with shop(server, **{server.statement_option: 0}):
        await connection().execute_query(slow)
    with override_settings(DATABASES={"default": server.database()}, INSTALLED_APPS=[]):
        async with databases():
            await connection().execute_query(slow)


async def test_a_pool_whose_connections_are_all_in_use_says_so(server: Server) -> None:
    async with shop(server, pool_timeout=LIMIT) as client:
        pool = [connection().acquire_connection() for _ in range(3)]
        for one in pool:
            await one.__aenter__()
        with pytest.raises(DBConnectionError, match="no connection in 1.5 seconds, as all 3 of"):
            await connection().execute_query("SELECT 1")
        assert await statuses(client) == {503}
        for one in pool:
            await one.__aexit__(None, None, None)
        await serves(client)


async def test_a_time_out_that_is_not_of_the_pool_is_no_connection_either(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def acquire(*_arguments: Any) -> Any:
        raise TimeoutError(110, "Connection timed out")

    async with shop(server, pool_timeout=0) as client:
        pool: Any = type(vars(connection())["_pool"])
        with monkeypatch.context() as patch:
            patch.setattr(pool, "acquire", acquire)
            assert await statuses(client) == {503}
            with pytest.raises(DBConnectionError, match="cannot connect .*: .*Connection timed"):
                await connection().execute_query("SELECT 1")
        await serves(client)


async def test_commands_give_up_on_a_database_that_stands_still(server: Server) -> None:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    environment = {
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "QK_SECRET_KEY": SECRET,
        "QK_INSTALLED_APPS": '["apps.shop"]',
        "QK_DATABASES": json.dumps({"default": server.database(pool_timeout=LIMIT)}),
    }
    with server.paused():
        for command in (("check", "--database", "all"), ("migrate",)):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, str(manage.__file__), *command],
                env=environment,
                capture_output=True,
                text=True,
                timeout=3 * PATIENCE,
                check=False,
            )
            assert done.returncode == 1, done
            assert "database 'default'" in done.stderr
            assert "no connection in 1.5 seconds" in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize("nested", [False, True])
async def test_a_connection_lost_in_a_transaction_is_reported_as_such(
    server: Server, nested: bool
) -> None:
    async with shop(server) as client:
        for _ in range(5):
            with pytest.raises((DBConnectionError, OperationalError)) as caught:
                async with atomic() as outer:
                    if not nested:
                        await outer.execute_query(server.kill)
                    async with atomic() as inner:
                        await inner.execute_query(server.kill)
            assert is_connection_lost(caught.value), repr(caught.value)
        await serves(client)


async def test_what_follows_a_lost_connection_is_lost_as_well(server: Server) -> None:
    """Also where the application goes on as if nothing had happened."""

    async def savepoint(_transaction: Any) -> None:
        async with atomic():
            pass

    async def nothing(_transaction: Any) -> None:
        """The commit follows."""

    following: list[Callable[[Any], Awaitable[Any]]] = [
        lambda transaction: transaction.execute_query("SELECT 1"),
        lambda transaction: transaction.execute_query_dict("SELECT 1"),
        lambda transaction: transaction.execute_insert("SELECT 1", []),
        lambda transaction: transaction.execute_many("SELECT 1", [[], []]),
        lambda transaction: transaction.execute_script("SELECT 1"),
        savepoint,
        nothing,
    ]
    async with shop(server, **server.limits()) as client:
        for follow in following:
            with pytest.raises((DBConnectionError, OperationalError)) as caught:
                async with atomic() as transaction:
                    # The driver of MySQL knows after the third one that the connection is closed.
                    for statement in (server.kill, "SELECT 1", "SELECT 1"):
                        with suppress(DBConnectionError, OperationalError):
                            await transaction.execute_query(statement)
                    await follow(transaction)
            assert is_connection_lost(caught.value), repr(caught.value)
        # It rolls back by itself what it has begun.
        with pytest.raises((DBConnectionError, OperationalError)) as caught:
            await connection().execute_many(server.sleep.format(30), [[], []])
        assert is_connection_lost(caught.value), repr(caught.value)
        await serves(client)


async def test_a_transaction_that_takes_too_long_gives_its_connection_back(server: Server) -> None:
    async with shop(server, **server.limits(0.5)) as client:
        for _ in range(5):
            with pytest.raises((DBConnectionError, OperationalError)) as caught:
                async with atomic() as transaction:
                    await transaction.execute_query(server.sleep.format(30))
            assert is_connection_lost(caught.value)
            if server.engine == "postgresql":
                expected = r"answer .* in 0\.5 seconds: command_timeout=0\.5: .*Fix: .* OPTIONS"
                assert re.search(expected, str(caught.value))
        await serves(client)


@pytest.mark.parametrize("nested", [False, True])
async def test_a_rollback_that_gets_no_answer_leaves_the_error_before_it(
    server: Server, nested: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop(server, **server.limits()) as client:
        with ExitStack() as stack, pytest.raises(ValueError, match="of the handler"):
            async with atomic() as transaction:
                await transaction.execute_query("SELECT 1")
                async with atomic() if nested else nullcontext():
                    stack.enter_context(server.paused())
                    raise ValueError("of the handler")
        # The one outside does not wait for an answer again.
        assert caplog.text.count("no answer to ROLLBACK: ") == 1
        await serves(client)


async def test_requests_that_are_cancelled_give_their_connections_back(server: Server) -> None:
    async with shop(server) as client:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3), atomic() as transaction:
                    await transaction.execute_query(server.sleep.format(30))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await connection().execute_query(server.sleep.format(30))
        await serves(client)


@pytest.mark.parametrize("error", [asyncio.CancelledError, ConnectionResetError])
async def test_a_connection_that_is_lost_already_leaves_the_error_as_it_is(
    postgresql: PostgreSQL, error: type[BaseException]
) -> None:
    server = Server(postgresql, "postgresql", "command_timeout", "", "")
    async with shop(server) as client:
        with pytest.raises(error):
            async with connection().acquire_connection() as raw:
                raw.terminate()
                # The driver gives it back to the pool by itself.
                async with asyncio.timeout(PATIENCE):
                    while "[released]" not in repr(raw):  # noqa: ASYNC110 - no event
                        await asyncio.sleep(0)
                raise error
        await serves(client)


async def test_a_restart_of_the_server_is_503_and_then_serves(server: Server) -> None:
    async with (
        shop(server, connect_timeout=5) if server.engine == "mysql" else shop(server) as client
    ):
        server.server.stop()
        try:
            assert await statuses(client) == {503}
            assert (await client.get("/healthz/ready")).status_code == 503
        finally:
            await asyncio.to_thread(server.server.start)
        # The first may find a connection that the server closed.
        assert await statuses(client) <= {200, 201, 503}
        await serves(client)
