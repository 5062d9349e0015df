"""SQL of SQLite, which cannot change a column: the table is made again and its rows copied.

Foreign keys must not be enforced meanwhile (see the executor): dropping the old table would delete
the rows that refer to it.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from tortoise.fields.db_defaults import SqlDefault
from tortoise.indexes import Index
from tortoise.migrations.schema_editor import SqliteSchemaEditor
from tortoise.models import Model

from fastapp.db.migrations.editors.common import CommonEditor
from fastapp.db.migrations.filling import column_field, filling_literal, has_filling
from fastapp.db.migrations.statements import split_sqlite


class _Expression:
    """SQL in the place of a default."""

    def __init__(self, sql: str) -> None:
        self.sql = sql


class SQLiteEditor(CommonEditor, SqliteSchemaEditor):
    """Runs the statements of a script one by one, and keeps indexes of tables made again.

    The base class cuts at every semicolon, also at those in a column's description.
    """

    async def _run_sql(self, sql: str) -> None:
        if self.collect_sql or not self.atomic_migration:
            await super()._run_sql(sql)
            return
        for statement in split_sqlite(sql):
            await self.client.execute_query(statement)

    async def _add_column(self, model: type[Model], field_name: str) -> None:
        field = model._meta.fields_map[field_name]
        if field.has_db_default():
            expression = self._db_default_expression(model, field)
            if expression is None:
                await super()._add_column(model, field_name)
                return
        else:
            expression = await filling_literal(model, field_name, self.DIALECT)
            if expression is None and field.null:
                await super()._add_column(model, field_name)
                return
        added = copy(field)
        # Without a value the table has no row, which was looked at before.
        added.default = _Expression(expression or "NULL")
        await self._remake_table(model, create_field=added)

    def _db_default_expression(self, model: type[Model], field: Any) -> str | None:
        """The default that the server computes; None for a constant, which a column can add."""
        if isinstance(field.db_default, SqlDefault):
            return field.db_default.get_sql(dialect=self.DIALECT)
        return None

    async def _fill_null(self, model: type[Model], field_name: str, column: str) -> None:
        """Done while the rows are copied."""

    async def _alter_field(self, model: type[Model], old_field: Any, new_field: Any) -> None:
        if old_field.null and not new_field.null and has_filling(new_field):
            name = _declared_name(model, new_field)
            literal = await filling_literal(model, name, self.DIALECT)
            new_field = copy(new_field)
            new_field.default = _Expression(literal or "NULL")
        elif not isinstance(new_field.default, _Expression):
            new_field = copy(new_field)
            new_field.default = None
        await super()._alter_field(model, old_field, new_field)
        index = Index(fields=(self._column(new_field),))
        if old_field.index and not new_field.index:
            await self.remove_index(model, index)
        elif new_field.index and not old_field.index and not new_field.unique:
            await self.add_index(model, index)

    async def _remake_table(
        self,
        model: type[Model],
        create_field: Any = None,
        delete_field: Any = None,
        alter_fields: Any = None,
    ) -> None:
        kept = [] if self.collect_sql else await self._indexes(model._meta.db_table)
        await super()._remake_table(model, create_field, delete_field, alter_fields)
        if self.collect_sql:
            self.collected_sql.append("-- and the indexes and triggers of the table, as they were")
            return
        renamed: dict[str, str] = {}
        dropped: set[str] = set()
        no_longer_unique: set[str] = set()
        for old, new in alter_fields or ():
            renamed[self._column(old)] = self._column(new)
            if old.unique and not new.unique:
                no_longer_unique.add(self._column(old))
        if delete_field is not None:
            dropped.add(self._column(delete_field))
        there = {
            tuple(columns)
            for _, columns, unique, _ in await self._indexes(model._meta.db_table)
            if unique
        }
        for name, columns, unique, sql in kept:
            if dropped & set(columns) or (unique and set(columns) <= no_longer_unique):
                continue
            now = [renamed.get(column, column) for column in columns]
            if unique and tuple(now) in there:
                continue
            if sql is not None and now == columns:
                await self.client.execute_query(sql)
                continue
            kind = "UNIQUE INDEX" if unique else "INDEX"
            new_name = name
            if sql is None:
                new_name = self._generate_index_name("uid", model, now)
            names = ", ".join(self.quote(column) for column in now)
            await self.client.execute_query(
                f'CREATE {kind} "{new_name}" ON {self._table(model)} ({names})'
            )

    async def _indexes(self, table: str) -> list[tuple[str, list[str], bool, str | None]]:
        """Name, columns, uniqueness and statement of each index and trigger of a table.

        What belongs to a constraint has no statement; a trigger has no columns.
        """
        client = self.client
        rows = await client.execute_query_dict(
            "SELECT name, type, sql FROM sqlite_master "
            "WHERE tbl_name = ? AND type IN ('index', 'trigger') ORDER BY type, name",
            [table],
        )
        unique = {
            row["name"]: bool(row["unique"])
            for row in await client.execute_query_dict(f'PRAGMA index_list("{table}")')
            if row["origin"] != "pk"
        }
        found: list[tuple[str, list[str], bool, str | None]] = []
        for row in rows:
            name = row["name"]
            if row["type"] == "trigger":
                found.append((name, [], False, row["sql"]))
            elif name in unique:
                info = await client.execute_query_dict(f'PRAGMA index_info("{name}")')
                columns = [entry["name"] for entry in info if entry["name"] is not None]
                found.append((name, columns, unique[name], row["sql"]))
        return found

    @staticmethod
    def _default_to_sql_literal(value: Any) -> str:
        return value.sql if isinstance(value, _Expression) else "NULL"


def _declared_name(model: type[Model], column: Any) -> str:
    """The field of a model that a column's field belongs to."""
    for name in model._meta.fk_fields | model._meta.o2o_fields:
        if column_field(model, name).model_field_name == column.model_field_name:
            return name
    return str(column.model_field_name)
