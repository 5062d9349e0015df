"""The workloads for drivers that block: PyMySQL and mysqlclient.

They bring no pool; 50 threads take 50 open connections from a queue and put them back.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

from driver import rows
from driver.timing import CONNECTIONS, Size, Taken, digest, expect, taking


class Threaded:
    """One driver and the server that it talks to."""

    def __init__(self, module: ModuleType, connection: dict[str, Any]) -> None:
        self._module = module
        self._arguments = {**connection, "charset": "utf8mb4", "autocommit": True}

    def workloads(self) -> dict[str, Callable[[Size], Any]]:
        """What it can be told to do, by name."""
        return {
            "scan": self.scan,
            "point": self.point,
            "insert": self.insert,
            "pool": self.pool,
            "digest": self.digest,
        }

    def scan(self, size: Size) -> Taken:
        """Read all rows, and let go of them."""
        connection = self._module.connect(**self._arguments)
        with connection.cursor() as cursor:
            with taking() as taken:
                cursor.execute(rows.SCAN)
                found = cursor.fetchall()
                count = len(found)
                del found
                # The cursor holds them, too.
                cursor.execute("SELECT 1")
            expect("rows of the scan", count, size.rows)
        connection.close()
        return taken

    def digest(self, size: Size) -> str:
        """What a scan gives."""
        connection = self._module.connect(**self._arguments)
        with connection.cursor() as cursor:
            cursor.execute(rows.SCAN)
            found = digest(cursor.fetchall())
        connection.close()
        return found

    def point(self, size: Size) -> Taken:
        """Ask for one row after the other by its key."""
        connection = self._module.connect(**self._arguments)
        with taking() as taken:
            for key in size.keys(size.points):
                self._ask(connection, key)
        connection.close()
        return taken

    def insert(self, size: Size) -> Taken:
        """Insert many rows by one `executemany`."""
        values = list(rows.rows(size.inserts))
        connection = self._module.connect(**self._arguments)
        with connection.cursor() as cursor:
            cursor.execute(rows.EMPTY)
            with taking() as taken:
                count = cursor.executemany(rows.INSERT, values)
            expect("inserted rows", count, size.inserts)
        connection.close()
        return taken

    def pool(self, size: Size) -> Taken:
        """Ask for rows by their keys from 50 threads, a connection of the queue for each query."""
        connections: queue.Queue[Any] = queue.Queue()
        for _ in range(CONNECTIONS):
            connections.put(self._module.connect(**self._arguments))
        keys = size.keys(CONNECTIONS * size.pooled)

        def client(number: int) -> None:
            for key in keys[number::CONNECTIONS]:
                connection = connections.get()
                self._ask(connection, key)
                connections.put(connection)

        with ThreadPoolExecutor(CONNECTIONS) as threads, taking() as taken:
            list(threads.map(client, range(CONNECTIONS)))
        for _ in range(CONNECTIONS):
            connections.get().close()
        return taken

    def _ask(self, connection: Any, key: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(rows.POINT, (key,))
            row = cursor.fetchone()
        expect("key of the row", row[0], key)
