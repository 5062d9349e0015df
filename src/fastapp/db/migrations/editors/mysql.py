"""SQL of MySQL and MariaDB."""

from __future__ import annotations

from copy import copy
from typing import Any

from tortoise.fields import Field
from tortoise.fields.base import DB_DEFAULT_NOT_SET
from tortoise.fields.db_defaults import SqlDefault
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.schema_editor import MySQLSchemaEditor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.models import Model

from fastapp.db.migrations.editors.common import CommonEditor
from fastapp.db.migrations.filling import column_field
from fastapp.db.migrations.statements import split_mysql

#: Types whose default has to be an expression.
_EXPRESSION_TYPES = ("TEXT", "BLOB", "JSON")


class MySQLEditor(CommonEditor, MySQLSchemaEditor):
    """Runs statements one by one, or plans them: each is committed by itself.

    Attributes:
        planned: where statements are put instead of being run, or None.
    """

    planned: list[str] | None = None
    DELETE_FK_TEMPLATE = "ALTER TABLE {table} DROP FOREIGN KEY `{name}`"

    async def _run_sql(self, sql: str) -> None:
        if self.collect_sql:
            self.collected_sql.append(sql)
            return
        for statement in split_mysql(sql):
            if self.planned is None:
                await self.client.execute_script(statement)
            else:
                self.planned.append(statement)

    async def _add_column(self, model: type[Model], field_name: str) -> None:
        if isinstance(model._meta.fields_map[field_name].db_default, SqlDefault):
            await self._add_computed(model, field_name)
        else:
            await super()._add_column(model, field_name)
        # Those of a table that is made are part of its statement; this table exists.
        for foreign_key in self._foreign_keys:
            await self._run_sql(f"ALTER TABLE {self._table(model)} ADD {foreign_key}")
        self._foreign_keys.clear()

    async def _add_computed(self, model: type[Model], field_name: str) -> None:
        """Add a column whose default the server computes.

        It refuses some expressions as the default of a column that is added (error 1674), and
        without a default old rows would get a zero.
        """
        field = model._meta.fields_map[field_name]
        plain = copy(field)
        plain.null, plain.db_default = True, DB_DEFAULT_NOT_SET
        fields_map = model._meta.fields_map
        fields_map[field_name] = plain
        try:
            await BaseSchemaEditor.add_field(self, model, field_name)
        finally:
            fields_map[field_name] = field
        expression = field.db_default.get_sql(dialect=self.DIALECT)
        column, table = self._column(field), self._table(model)
        await self._run_sql(f"UPDATE {table} SET {self.quote(column)} = {expression}")
        if not field.null:
            plain.null = False
            await self._run_sql(self._build_modify_column_sql(model, plain, table))
        changes = self.ALTER_FIELD_SET_DEFAULT_TEMPLATE.format(column=column, default=expression)
        await self._run_sql(self.ALTER_FIELD_TEMPLATE.format(table=table, changes=changes))

    def _default_expression(self, field: Field[Any], literal: str) -> str:
        if isinstance(field, ForeignKeyFieldInstance):
            return literal
        sql_type = field.get_for_dialect(self.DIALECT, "SQL_TYPE").upper()
        return f"({literal})" if any(name in sql_type for name in _EXPRESSION_TYPES) else literal

    def _without_default(self, model: type[Model], field_name: str) -> str:
        field = column_field(model, field_name)
        if field.null:
            # A column that lost its default has to be named in every INSERT, NULL or not.
            return f"ALTER COLUMN {self.quote(self._column(field))} SET DEFAULT NULL"
        return super()._without_default(model, field_name)

    async def _alter_field(self, model: type[Model], old_field: Any, new_field: Any) -> None:
        """Rename the column, then define it again, then change its indexes."""
        table = self._table(model)
        old_column, new_column = self._column(old_field), self._column(new_field)
        if old_column != new_column:
            await self._run_sql(
                self.RENAME_FIELD_TEMPLATE.format(
                    table=table, old_column=old_column, new_column=new_column
                )
            )
        if _definition(old_field, self.DIALECT) != _definition(new_field, self.DIALECT):
            await self._run_sql(self._build_modify_column_sql(model, new_field, table))
        # What is left to the base class: indexes and uniqueness.
        left = copy(new_field)
        left.index, left.unique = old_field.index, old_field.unique
        left.generated = old_field.generated
        await BaseSchemaEditor._alter_field(self, model, left, new_field)

    async def remove_field(self, model: type[Model], field: Any) -> None:
        """Drop a column, its foreign key first."""
        if isinstance(field, ForeignKeyFieldInstance):
            for name in await self._foreign_key_names(model, field.model_field_name):
                await self._run_sql(
                    f"ALTER TABLE {self._table(model)} DROP FOREIGN KEY {self.quote(name)}"
                )
        await super().remove_field(model, field)

    async def remove_constraint(self, model: type[Model], constraint: Any) -> None:
        """Drop a constraint; MariaDB does not know the base class's DROP CHECK."""
        if isinstance(constraint, CheckConstraint):
            name = self.quote(constraint.name)
            await self._run_sql(f"ALTER TABLE {self._table(model)} DROP CONSTRAINT {name}")
        else:
            await super().remove_constraint(model, constraint)

    async def _get_unique_constraint_names_from_db(
        self, table_name: str, column_names: list[str], schema: str | None = None
    ) -> list[str]:
        """Names of unique indexes of these columns; MariaDB refuses the base class's query."""
        rows = await self.client.execute_query_dict(
            "SELECT INDEX_NAME AS name FROM information_schema.statistics "
            "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND NON_UNIQUE = 0 "
            "AND INDEX_NAME <> 'PRIMARY' GROUP BY INDEX_NAME "
            "HAVING GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX SEPARATOR ',') = %s",
            [table_name, ",".join(column_names)],
        )
        return [row["name"] for row in rows]

    async def _foreign_key_names(self, model: type[Model], field_name: str) -> list[str]:
        column = self._column(column_field(model, field_name))
        if self.collect_sql:
            field: Any = model._meta.fields_map[field_name]
            table, target = field.related_model._meta.db_table, field.to_field_instance
            return [
                self._generate_fk_name(model._meta.db_table, column, table, self._column(target))
            ]
        rows = await self.client.execute_query_dict(
            "SELECT CONSTRAINT_NAME AS name FROM information_schema.key_column_usage "
            "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = %s "
            "AND REFERENCED_TABLE_NAME IS NOT NULL",
            [model._meta.db_table, column],
        )
        return [row["name"] for row in rows]


def _definition(field: Any, dialect: str) -> tuple[Any, ...]:
    default = field.db_default if field.has_db_default() else None
    return field.get_for_dialect(dialect, "SQL_TYPE"), field.null, default, field.description
