"""SQL of SQLite, which cannot change a column: the table is made again and its rows copied.

Foreign keys must not be enforced meanwhile (see the executor): dropping the old table would delete
the rows that refer to it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

from tortoise.fields.db_defaults import SqlDefault
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.schema_editor import SqliteSchemaEditor
from tortoise.models import Model

from fastapp.db.migrations.editors.common import CommonEditor
from fastapp.db.migrations.filling import column_field, filling_literal, has_filling
from fastapp.db.migrations.statements import split_sqlite


class _Expression:
    """SQL in the place of a default."""

    def __init__(self, sql: str) -> None:
        self.sql = sql


@dataclass(frozen=True, slots=True)
class _Kept:
    """An index or a trigger of a table.

    Attributes:
        name: its name.
        columns: those of an index that are no expressions.
        is_unique: whether it is a unique index.
        sql: its statement; None for the index of a constraint.
    """

    name: str
    columns: list[str]
    is_unique: bool
    sql: str | None


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

    def _foreign_key_sql(self, model: type[Model], field_name: str) -> None:
        """Part of the table that is made again."""

    async def remove_constraint(self, model: type[Model], constraint: Any) -> None:
        """Drop a constraint; one that the table was made with takes a table without it."""
        if isinstance(constraint, CheckConstraint):
            # The model is the one before the change.
            declared = model._meta.constraints
            model._meta.constraints = tuple(c for c in declared if c.name != constraint.name)
            try:
                await self._remake_table(model)
            finally:
                model._meta.constraints = declared
            return
        if isinstance(constraint, UniqueConstraint) and not self.collect_sql:
            columns = self._resolve_fields_to_columns(model, constraint.fields)
            if any(
                item.is_unique and item.sql is None and item.columns == columns
                for item in await self._indexes(model._meta.db_table)
            ):
                await self._remake_table(model, no_longer_unique=columns)
                return
        await super().remove_constraint(model, constraint)

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
        no_longer_unique: list[str] | None = None,
    ) -> None:
        kept = [] if self.collect_sql else await self._indexes(model._meta.db_table)
        fields, key = model._meta.fields_map, None
        if isinstance(delete_field, ForeignKeyFieldInstance):
            # The field of its key would keep the column.
            key = fields.pop(self._column(delete_field), None)
        try:
            await super()._remake_table(model, create_field, delete_field, alter_fields)
        finally:
            if key is not None:
                fields[self._column(delete_field)] = key
        if self.collect_sql:
            self.collected_sql.append("-- and the indexes and triggers of the table, as they were")
            return
        kept = [item for item in kept if not (item.is_unique and item.columns == no_longer_unique)]
        await self._restore_indexes(model, kept, delete_field, alter_fields or ())

    async def _restore_indexes(
        self, model: type[Model], kept: list[_Kept], deleted: Any, altered: Any
    ) -> None:
        """Make the indexes and triggers of a table again that went with the old one."""
        renamed: dict[str, str] = {self._column(old): self._column(new) for old, new in altered}
        lost = {self._column(old) for old, new in altered if old.unique and not new.unique}
        dropped = set() if deleted is None else {self._column(deleted)}
        made = {tuple(item.columns) for item in await self._indexes(model._meta.db_table)}
        for item in kept:
            columns = [renamed.get(column, column) for column in item.columns]
            if dropped & set(item.columns) or (item.is_unique and set(item.columns) <= lost):
                continue
            if item.is_unique and tuple(columns) in made:
                continue
            if item.sql is not None and columns == item.columns:
                await self.client.execute_query(item.sql)
                continue
            kind = "UNIQUE INDEX" if item.is_unique else "INDEX"
            # The indexes of constraints have names that are not to be given.
            name = item.name if item.sql else self._generate_index_name("uid", model, columns)
            await self.client.execute_query(
                f'CREATE {kind} "{name}" ON {self._table(model)} '
                f"({', '.join(self.quote(column) for column in columns)})"
            )

    async def _indexes(self, table: str) -> list[_Kept]:
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
        found = []
        for row in rows:
            name = row["name"]
            if row["type"] == "trigger":
                found.append(_Kept(name, [], False, row["sql"]))
            elif name in unique:
                info = await client.execute_query_dict(f'PRAGMA index_info("{name}")')
                columns = [entry["name"] for entry in info if entry["name"] is not None]
                found.append(_Kept(name, columns, unique[name], row["sql"]))
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
