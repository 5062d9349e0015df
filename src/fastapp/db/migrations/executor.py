"""The executor of Tortoise ORM with a splitter of SQL that knows strings and comments."""

from __future__ import annotations

import sqlite3

from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_editor import BaseSchemaEditor, SqliteSchemaEditor


def split_statements(sql: str) -> list[str]:
    """The statements of an SQLite script; semicolons in strings and comments do not count."""
    found, buffer = [], ""
    for part in sql.split(";"):
        buffer += part
        if not buffer.strip():
            buffer = ""
        elif sqlite3.complete_statement(f"{buffer};"):
            found.append(buffer.strip())
            buffer = ""
        else:
            buffer += ";"
    if buffer.strip():
        found.append(buffer.strip())
    return found


class SQLiteEditor(SqliteSchemaEditor):
    """Runs the statements of a script one by one.

    The base class cuts at every semicolon, also at those in a column's description.
    """

    async def _run_sql(self, sql: str) -> None:
        if self.collect_sql or not self.atomic_migration:
            await super()._run_sql(sql)
            return
        for statement in split_statements(sql):
            await self.client.execute_query(statement)


class Executor(MigrationExecutor):
    """Plans and applies the migrations of one database."""

    def _schema_editor(self, atomic: bool = True, collect_sql: bool = False) -> BaseSchemaEditor:
        if self.connection.capabilities.dialect == "sqlite":
            return SQLiteEditor(self.connection, atomic=atomic, collect_sql=collect_sql)
        return super()._schema_editor(atomic=atomic, collect_sql=collect_sql)
