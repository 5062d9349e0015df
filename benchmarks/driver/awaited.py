"""The workloads for drivers that are awaited: asyncmy and aiomysql."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

from driver import rows
from driver.timing import CONNECTIONS, Size, Taken, digest, expect, taking


class Awaited:
    """One driver and the server that it talks to."""

    def __init__(self, module: ModuleType, connection: dict[str, Any]) -> None:
        self._module = module
        self._arguments = {**connection, "charset": "utf8mb4", "autocommit": True}
        # The one name of an argument in which the two differ.
        if module.__name__ == "aiomysql":
            self._arguments["db"] = self._arguments.pop("database")

    def workloads(self) -> dict[str, Callable[[Size], Any]]:
        """What it can be told to do, by name."""

        def ran(workload: Callable[[Size], Coroutine[Any, Any, Any]]) -> Callable[[Size], Any]:
            return lambda size: asyncio.run(workload(size))

        return {
            "scan": ran(self.scan),
            "point": ran(self.point),
            "insert": ran(self.insert),
            "pool": ran(self.pool),
            "digest": ran(self.digest),
        }

    async def scan(self, size: Size) -> Taken:
        """Read all rows, and let go of them."""
        connection = await self._module.connect(**self._arguments)
        async with connection.cursor() as cursor:
            with taking() as taken:
                await cursor.execute(rows.SCAN)
                found = await cursor.fetchall()
                count = len(found)
                del found
                # The cursor holds them, too.
                await cursor.execute("SELECT 1")
            expect("rows of the scan", count, size.rows)
        connection.close()
        return taken

    async def digest(self, size: Size) -> str:
        """What a scan gives."""
        connection = await self._module.connect(**self._arguments)
        async with connection.cursor() as cursor:
            await cursor.execute(rows.SCAN)
            found = digest(await cursor.fetchall())
        connection.close()
        return found

    async def point(self, size: Size) -> Taken:
        """Ask for one row after the other by its key."""
        connection = await self._module.connect(**self._arguments)
        with taking() as taken:
            for key in size.keys(size.points):
                await self._ask(connection, key)
        connection.close()
        return taken

    async def insert(self, size: Size) -> Taken:
        """Insert many rows by one `executemany`."""
        values = list(rows.rows(size.inserts))
        connection = await self._module.connect(**self._arguments)
        async with connection.cursor() as cursor:
            await cursor.execute(rows.EMPTY)
            with taking() as taken:
                count = await cursor.executemany(rows.INSERT, values)
            expect("inserted rows", count, size.inserts)
        connection.close()
        return taken

    async def pool(self, size: Size) -> Taken:
        """Ask for rows by their keys from 50 tasks, a connection of the pool for each query."""
        pool = await self._module.create_pool(
            minsize=CONNECTIONS, maxsize=CONNECTIONS, **self._arguments
        )
        keys = size.keys(CONNECTIONS * size.pooled)

        async def client(number: int) -> None:
            for key in keys[number::CONNECTIONS]:
                async with pool.acquire() as connection:
                    await self._ask(connection, key)

        with taking() as taken:
            await asyncio.gather(*(client(number) for number in range(CONNECTIONS)))
        pool.close()
        await pool.wait_closed()
        return taken

    async def _ask(self, connection: Any, key: int) -> None:
        async with connection.cursor() as cursor:
            await cursor.execute(rows.POINT, (key,))
            row = await cursor.fetchone()
        expect("key of the row", row[0], key)
