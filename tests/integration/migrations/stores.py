"""The three databases that migrations are tested on, and a project that uses one of them."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pymysql
from forked import Done, Started
from integration import mariadb, postgresql

# What a process that is forked from this one need not import.
import fastapp.db.backends.postgresql  # noqa: F401

SETTINGS = """
from pathlib import Path
from fastapp.conf import BaseSettings

class Settings(BaseSettings):
    BASE_DIR: Path = Path(__file__).resolve().parent
    SECRET_KEY: str = "a secret of the tests, long enough 0123456789"

settings = Settings()
"""


class Store(ABC):
    """A database, emptied for each test.

    Attributes:
        kind: "sqlite", "mariadb" or "postgresql".
    """

    kind: str

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Variables that make a project use it."""

    @abstractmethod
    def empty(self) -> None:
        """Drop all tables."""

    @abstractmethod
    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement, commit it, and return its rows."""

    @abstractmethod
    def columns(self, table: str) -> dict[str, tuple[bool, Any]]:
        """Of each column whether it takes NULL, and its default."""

    def tables(self) -> set[str]:
        """Names of the tables of a project."""
        own = {"tortoise_migrations", "fastapp_migration_progress", "sqlite_sequence"}
        return {row[0] for row in self.query(self.tables_query)} - own

    def indexed(self, table: str) -> list[list[str]]:
        """Columns of each index and uniqueness, but of the primary key."""
        indexes: dict[str, list[str]] = {}
        for name, column in self.query(self.indexes_query.format(table)):
            indexes.setdefault(name, []).append(column)
        return sorted(indexes.values())

    tables_query: str
    #: Names of the indexes of a table with each of their columns, in order.
    indexes_query: str


class SQLiteStore(Store):
    """A file in the project."""

    kind = "sqlite"
    tables_query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    indexes_query = (
        "SELECT one.name, part.name FROM pragma_index_list('{}') AS one, "
        "pragma_index_info(one.name) AS part ORDER BY one.name, part.seqno"
    )

    def __init__(self, folder: Path) -> None:
        self.path = folder / "db.sqlite3"

    def environment(self) -> dict[str, str]:
        return {}

    def empty(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        database = sqlite3.connect(self.path)
        try:
            with database:
                return database.execute(sql).fetchall()
        finally:
            database.close()

    def columns(self, table: str) -> dict[str, tuple[bool, Any]]:
        rows = self.query(f"SELECT name, \"notnull\", dflt_value FROM pragma_table_info('{table}')")
        return {name: (not notnull, default) for name, notnull, default in rows}


class _ServerStore(Store):
    engine: str

    def __init__(self, port: int) -> None:
        self.port = port

    def environment(self) -> dict[str, str]:
        values = {
            "ENGINE": self.engine,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "NAME": mariadb.DATABASE,
            "USER": mariadb.USER,
            "PASSWORD": mariadb.PASSWORD,
        }
        return {f"QK_DATABASES__default__{key}": value for key, value in values.items()}


class MariaDBStore(_ServerStore):
    """A real server."""

    kind, engine = "mariadb", "mysql"
    tables_query = "SELECT table_name FROM information_schema.tables WHERE table_schema=DATABASE()"
    indexes_query = (
        "SELECT index_name, column_name FROM information_schema.statistics "
        "WHERE table_schema = DATABASE() AND table_name = '{}' AND index_name <> 'PRIMARY' "
        "ORDER BY index_name, seq_in_index"
    )
    connection: pymysql.Connection[Any] | None = None

    def empty(self) -> None:
        tables = [f"DROP TABLE `{name}`" for (name,) in self.query("SHOW TABLES")]
        self.query("; ".join(["SET FOREIGN_KEY_CHECKS=0", *tables, "SET FOREIGN_KEY_CHECKS=1"]))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        if self.connection is None:
            self.connection = pymysql.connect(
                host="127.0.0.1",
                port=self.port,
                user=mariadb.USER,
                password=mariadb.PASSWORD,
                database=mariadb.DATABASE,
                autocommit=True,
                client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS,
            )
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            rows = list(cursor.fetchall())
            while cursor.nextset():
                pass
            return rows

    def columns(self, table: str) -> dict[str, tuple[bool, Any]]:
        rows = self.query(
            "SELECT column_name, is_nullable, column_default FROM information_schema.columns "
            f"WHERE table_schema = DATABASE() AND table_name = '{table}'"
        )
        # "No default" and "NULL by default" are told apart by MariaDB only.
        return {
            name: (null == "YES", None if default == "NULL" else default)
            for name, null, default in rows
        }


class PostgreSQLStore(_ServerStore):
    """A real server."""

    kind = engine = "postgresql"
    tables_query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    indexes_query = (
        "SELECT indexrelid, attname FROM pg_index JOIN pg_attribute ON attrelid = indexrelid "
        "WHERE indrelid = '{}'::regclass AND NOT indisprimary ORDER BY indexrelid, attnum"
    )

    def empty(self) -> None:
        self.query("DROP SCHEMA public CASCADE")
        self.query("CREATE SCHEMA public")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        async def run() -> list[tuple[Any, ...]]:
            database = await asyncpg.connect(
                host="127.0.0.1",
                port=self.port,
                user=postgresql.USER,
                password=postgresql.PASSWORD,
                database=postgresql.DATABASE,
            )
            try:
                return [tuple(row) for row in await database.fetch(sql)]
            finally:
                await database.close()

        return asyncio.run(run())

    def columns(self, table: str) -> dict[str, tuple[bool, Any]]:
        rows = self.query(
            "SELECT column_name, is_nullable, column_default FROM information_schema.columns "
            f"WHERE table_name = '{table}'"
        )
        return {name: (null == "YES", default) for name, null, default in rows}


class Project:
    """A project with one app, "shop", on a store."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store
        self.app = folder / "apps" / "shop"
        self.app.mkdir(parents=True)
        (folder / "apps" / "__init__.py").touch()
        (folder / "own_settings.py").write_text(SETTINGS, encoding="utf-8")
        for name, text in {
            "__init__": "",
            "apps": "from fastapp.apps import AppConfig\n\n\n"
            "class ShopConfig(AppConfig):\n    name = 'apps.shop'\n",
            "urls": "urlpatterns = []\n",
        }.items():
            (self.app / f"{name}.py").write_text(text, encoding="utf-8")

    def models(self, text: str) -> None:
        """Replace the models of the app."""
        head = "from fastapp.db import models\nfrom tortoise.fields.db_defaults import *\n"
        (self.app / "models.py").write_text(head + text, encoding="utf-8")

    def item(self, *fields: str, meta: Sequence[str] = ()) -> None:
        """Replace the models by one, ``Item``, with these fields."""
        lines = [f"    {field}\n" for field in fields or ("pass",)]
        options = [f"        {option}\n" for option in ("table = 'item'", *meta)]
        self.models("".join(["class Item(models.Model):\n", *lines, "    class Meta:\n", *options]))

    def start(self, *arguments: str, first: Callable[[], object] | None = None) -> Started:
        """Start a command; ``first`` runs in its process before it."""
        return Started(self.folder, arguments, self.store.environment(), first)

    def run(self, *arguments: str, first: Callable[[], object] | None = None) -> Done:
        """Run a command to its end."""
        return self.start(*arguments, first=first).done()

    def ok(self, *arguments: str) -> str:
        """Run a command that has to succeed; what it printed."""
        done = self.run(*arguments)
        assert done.code == 0, done.out + done.err
        return done.out

    def apply(self, *options: str) -> None:
        """Make migrations of the models and apply them."""
        self.ok("makemigrations")
        self.ok("migrate", *options)
