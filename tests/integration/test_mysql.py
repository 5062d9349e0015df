"""The data layer on a real MariaDB server, through asyncmy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from integration import roundtrip
from integration.mariadb import DATABASE, PASSWORD, USER, MariaDB
from integration.shop_app import migrated_shop
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, OperationalError

from fastapp.apps import apps
from fastapp.conf import override_settings
from fastapp.db.lifecycle import connection, databases
from fastapp.db.transaction import atomic
from fastapp.exceptions import ImproperlyConfigured

pytestmark = pytest.mark.asyncio


def database(server: MariaDB, **options: Any) -> dict[str, Any]:
    """The DATABASES entry of the server."""
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": DATABASE,
        "HOST": "127.0.0.1",
        "PORT": server.port,
        "USER": USER,
        "PASSWORD": PASSWORD,
        "OPTIONS": options,
    }


@asynccontextmanager
async def kinds(server: MariaDB, **options: Any) -> AsyncIterator[TortoiseContext]:
    """The databases with the tables of the app ``kinds``."""
    with override_settings(
        DATABASES={"default": database(server, **options)}, INSTALLED_APPS=["integration.kinds"]
    ):
        apps.clear()
        async with databases() as context:
            await context.generate_schemas(safe=True)
            yield context


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    """No test leaves its apps to the next."""
    apps.clear()
    yield
    apps.clear()


async def session(name: str) -> list[Any]:
    """Values of a session variable on several connections of the pool, held at the same time."""
    client: Any = connection()
    barrier = asyncio.Barrier(3)

    async def read() -> tuple[int, Any]:
        async with client.acquire_connection() as raw, raw.cursor() as cursor:
            await barrier.wait()
            await cursor.execute(f"SELECT CONNECTION_ID(), {name}")
            row: tuple[int, Any] = await cursor.fetchone()
            return row

    rows = await asyncio.gather(*(read() for _ in range(3)))
    assert len({row[0] for row in rows}) == 3, "expected three connections"
    return [row[1] for row in rows]


async def test_round_trip(mariadb: MariaDB) -> None:
    async with kinds(mariadb):
        await roundtrip.check_all_kinds()
        await roundtrip.check_null()
        await roundtrip.check_moments()
        await roundtrip.check_numbers_are_finite()


async def test_session_variables_on_every_pooled_connection(mariadb: MariaDB) -> None:
    async with kinds(mariadb, pool_max_size=5):
        for mode in await session("@@SESSION.sql_mode"):
            assert "STRICT_TRANS_TABLES" in mode
        assert await session("@@SESSION.time_zone") == ["+08:00"] * 3
        assert await session("@@SESSION.character_set_client") == ["utf8mb4"] * 3
        assert await session("@@SESSION.character_set_connection") == ["utf8mb4"] * 3


async def test_options_reach_every_pooled_connection(mariadb: MariaDB) -> None:
    options = {
        "time_zone": "+00:00",
        "sql_mode": "STRICT_ALL_TABLES",
        "storage_engine": "InnoDB",
        "init_command": "SET SESSION wait_timeout=1234",
    }
    async with kinds(mariadb, pool_max_size="4", **options):
        assert await session("@@SESSION.time_zone") == ["+00:00"] * 3
        assert await session("@@SESSION.sql_mode") == ["STRICT_ALL_TABLES"] * 3
        assert await session("@@SESSION.default_storage_engine") == ["InnoDB"] * 3
        assert await session("@@SESSION.wait_timeout") == [1234] * 3


async def test_values_that_do_not_fit_are_refused(mariadb: MariaDB) -> None:
    async with kinds(mariadb):
        with pytest.raises(OperationalError, match="Data too long"):
            await connection().execute_query(
                "INSERT INTO kinds (text, price, flag) VALUES (%s, 1, 0)", ["x" * 101]
            )


async def test_unix_socket(mariadb: MariaDB) -> None:
    async with kinds(mariadb, unix_socket=str(mariadb.socket)):
        rows = await connection().execute_query_dict("SELECT CURRENT_USER() AS me")
        assert rows[0]["me"] == f"{USER}@localhost"


async def test_tls_verifies_the_server(mariadb: MariaDB) -> None:
    async with kinds(mariadb, ssl={"ca": str(mariadb.certificate)}):
        rows = await connection().execute_query_dict("SHOW STATUS LIKE 'Ssl_version'")
        assert rows[0]["Value"].startswith("TLS")


async def test_tls_refuses_a_server_it_does_not_know(
    mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = MariaDB(tmp_path_factory.mktemp("other"))
    other.make_certificate()
    options = {"ssl": {"ca": str(other.certificate)}}
    with override_settings(DATABASES={"default": database(mariadb, **options)}, INSTALLED_APPS=[]):
        async with databases():
            with pytest.raises(DBConnectionError, match="certificate"):
                await connection().execute_query("SELECT 1")


async def test_wrong_password_is_a_connection_error(mariadb: MariaDB) -> None:
    wrong = {**database(mariadb), "PASSWORD": "no-such-password"}
    with override_settings(DATABASES={"default": wrong}, INSTALLED_APPS=[]):
        async with databases():
            with pytest.raises(DBConnectionError, match="cannot connect to MySQL") as caught:
                await connection().execute_query("SELECT 1")
            assert "no-such-password" not in str(caught.value)


async def test_an_unknown_charset(mariadb: MariaDB) -> None:
    wrong = database(mariadb, charset="utf7")
    with override_settings(DATABASES={"default": wrong}, INSTALLED_APPS=[]):
        async with databases():
            with pytest.raises(ImproperlyConfigured, match=r"\['charset'\]='utf7': .*Fix: "):
                await connection().execute_query("SELECT 1")


async def test_transactions(mariadb: MariaDB) -> None:
    from integration.kinds.models import Kinds

    async with kinds(mariadb):
        await Kinds.objects.all().delete()
        with pytest.raises(RuntimeError):
            async with atomic():
                await Kinds.objects.create(text="lost", price=1)
                raise RuntimeError
        async with atomic():
            await Kinds.objects.create(text="kept", price=1)
            with pytest.raises(RuntimeError):
                async with atomic():
                    await Kinds.objects.create(text="lost too", price=1)
                    raise RuntimeError
        assert [row.text for row in await Kinds.objects.all()] == ["kept"]


def shop(server: MariaDB) -> AbstractAsyncContextManager[tuple[FastAPI, AsyncClient]]:
    """The shop on the server, with few connections."""
    return migrated_shop(database(server, pool_max_size=3, connect_timeout=5))


async def test_the_same_application_serves_after_the_server_came_back(mariadb: MariaDB) -> None:
    async with shop(mariadb) as (_app, client):
        made = await client.post(
            "/shop/products", json={"sku": "🚀1", "name": "火箭", "price": "9.99"}
        )
        assert made.status_code == 201, made.text
        # Several connections are open when the server dies.
        await asyncio.gather(*(client.get("/shop/products") for _ in range(6)))
        mariadb.kill()
        try:
            assert (await client.get("/healthz/live")).status_code == 200
            assert (await client.get("/healthz/ready")).status_code == 503
            # More failures than the pool has places: none may be lost for ever.
            order = {"customer": "x", "lines": [{"product_id": 1, "quantity": 1}]}
            for _ in range(5):
                for answer in (
                    await client.get("/shop/products"),
                    await client.post("/shop/orders", json=order),
                ):
                    assert answer.status_code == 503
                    assert answer.json()["error"] == "service_unavailable"
        finally:
            mariadb.start()
        assert (await client.get("/healthz/ready")).status_code == 200
        answers = await asyncio.gather(*(client.get("/shop/products") for _ in range(6)))
        assert [answer.status_code for answer in answers] == [200] * 6
        assert answers[0].json()["results"][0]["name"] == "火箭"
        product = answers[0].json()["results"][0]["id"]
        order = {"customer": "李", "lines": [{"product_id": product, "quantity": 2}]}
        ordered = await client.post("/shop/orders", json=order)
        assert ordered.status_code == 201, ordered.text
        assert ordered.json()["total"] == "19.98"


async def test_idle_connections_survive_a_restart_of_the_server(mariadb: MariaDB) -> None:
    async with shop(mariadb) as (_app, client):
        await asyncio.gather(*(client.get("/shop/products") for _ in range(6)))
        await asyncio.to_thread(mariadb.stop)
        await asyncio.to_thread(mariadb.start)
        answers = await asyncio.gather(*(client.get("/shop/products") for _ in range(6)))
        assert {answer.status_code for answer in answers} == {200}


async def test_transactions_begin_on_connections_that_are_alive(mariadb: MariaDB) -> None:
    async with shop(mariadb) as (_app, client):
        await asyncio.gather(*(client.get("/shop/products") for _ in range(6)))
        # The event loop stands still meanwhile, so the pool cannot have noticed.
        mariadb.stop()
        mariadb.start()
        order = {"customer": "x", "lines": [{"product_id": 10**9, "quantity": 1}]}
        for _ in range(5):
            assert (await client.post("/shop/orders", json=order)).status_code == 400
