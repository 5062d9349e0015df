"""Questions about the tables of a database, in the dialect of each."""

from __future__ import annotations

from tortoise.backends.base.client import BaseDBAsyncClient

_EXISTS = {
    "mysql": "SELECT 1 FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_name = %s",
    "postgres": "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
}


def quoted(name: str, dialect: str) -> str:
    """A name as an identifier."""
    quote = "`" if dialect == "mysql" else '"'
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"


def qualified(name: str, schema: str | None, dialect: str) -> str:
    """The name of a table as an identifier, with its schema where there are schemas."""
    table = quoted(name, dialect)
    return f"{quoted(schema, dialect)}.{table}" if schema and dialect != "sqlite" else table


async def table_exists(client: BaseDBAsyncClient, name: str, schema: str | None = None) -> bool:
    """Whether there is a table of this name."""
    dialect = client.capabilities.dialect
    # PostgreSQL folds names without quotes to lower case.
    value = qualified(name, schema, dialect) if dialect == "postgres" else name
    return bool(await client.execute_query_dict(_EXISTS[dialect], [value]))


async def has_rows(client: BaseDBAsyncClient, name: str, schema: str | None = None) -> bool:
    """Whether a table, which exists, has a row."""
    table = qualified(name, schema, client.capabilities.dialect)
    return bool(await client.execute_query_dict(f"SELECT 1 FROM {table} LIMIT 1"))
