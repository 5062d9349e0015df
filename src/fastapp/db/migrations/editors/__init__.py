"""What turns operations into SQL: the editors of Tortoise ORM, and what they leave out.

An added column gets its default in the rows that exist already, foreign keys and indexes of added
columns are made, and a type may change.
"""

from __future__ import annotations

from tortoise.backends.base.client import BaseDBAsyncClient

from fastapp.db.migrations.editors.mysql import MySQLEditor
from fastapp.db.migrations.editors.postgresql import PostgreSQLEditor
from fastapp.db.migrations.editors.sqlite import SQLiteEditor

Editor = MySQLEditor | PostgreSQLEditor | SQLiteEditor

_EDITORS: dict[str, type[Editor]] = {
    "mysql": MySQLEditor,
    "postgres": PostgreSQLEditor,
    "sqlite": SQLiteEditor,
}


def schema_editor(
    client: BaseDBAsyncClient, *, atomic: bool = True, collect_sql: bool = False
) -> Editor:
    """The editor of a database.

    Args:
        client: what statements are sent to.
        atomic: whether the caller puts the statements into a transaction.
        collect_sql: only collect the statements, with nothing asked of the database.
    """
    kind = _EDITORS[client.capabilities.dialect]
    return kind(client, atomic=atomic, collect_sql=collect_sql)
