"""The server that all drivers talk to, with the tables they use."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from itertools import batched
from pathlib import Path

import pymysql
from integration.mariadb import DATABASE, PASSWORD, USER, MariaDB

from driver import rows

_BATCH = 2_000
_OPTIONS = (
    # Everything is in memory, and nothing waits for a disk: the drivers are what is measured.
    "--innodb-buffer-pool-size=512M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-log-file-size=256M",
    "--character-set-server=utf8mb4",
    "--max-connections=200",
    "--max-allowed-packet=64M",
)


@contextlib.contextmanager
def serving(count: int) -> Iterator[tuple[dict[str, str | int], str]]:
    """A server of its own with `count` rows to scan: how to connect to it, and its version.

    Raises:
        MariaDBError: the server cannot be had.
    """
    folder = Path(tempfile.mkdtemp(prefix="mdb"))
    server = MariaDB(folder)
    connection: dict[str, str | int] = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": USER,
        "password": PASSWORD,
        "database": DATABASE,
    }
    try:
        server.install()
        server.stop()
        server.start(*_OPTIONS)
        yield connection, _fill(server.port, count)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _fill(port: int, count: int) -> str:
    with (
        pymysql.connect(
            host="127.0.0.1", port=port, user=USER, password=PASSWORD, database=DATABASE
        ) as connection,
        connection.cursor() as cursor,
    ):
        # A value that does not fit is an error, not another value.
        cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
        cursor.execute(rows.create(rows.SCANNED))
        cursor.execute(rows.create(rows.FILLED))
        insert = rows.INSERT.replace(rows.FILLED, rows.SCANNED)
        for some in batched(rows.rows(count), _BATCH):
            cursor.executemany(insert, some)
        connection.commit()
        cursor.execute("SELECT VERSION()")
        (version,) = cursor.fetchone() or ("unknown",)
    return str(version)
