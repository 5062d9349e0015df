"""SQL of PostgreSQL."""

from __future__ import annotations

from tortoise.migrations.schema_editor import AsyncpgSchemaEditor
from tortoise.models import Model

from fastapp.db.migrations.editors.common import CommonEditor
from fastapp.db.migrations.filling import column_field


class _TypeChange:
    """The template of a change of type."""

    def format(self, *, column: str, sql_type: str) -> str:
        """The change. A cast to a type with a length cuts values; the assignment refuses them."""
        cast = sql_type.partition("(")[0]
        return f'ALTER COLUMN "{column}" TYPE {sql_type} USING "{column}"::{cast}'


class PostgreSQLEditor(CommonEditor, AsyncpgSchemaEditor):
    """Converts the values of a column whose type changes."""

    ALTER_FIELD_TYPE_TEMPLATE = _TypeChange()  # type: ignore[assignment]

    async def _foreign_key_names(self, model: type[Model], field_name: str) -> list[str]:
        column = self._column(column_field(model, field_name))
        if self.collect_sql:
            # What the server calls it.
            return [f"{model._meta.db_table}_{column}_fkey"]
        rows = await self.client.execute_query_dict(
            "SELECT conname AS name FROM pg_constraint JOIN pg_attribute "
            "ON attrelid = conrelid AND conkey = ARRAY[attnum] "
            "WHERE contype = 'f' AND conrelid = $1::text::regclass AND attname = $2",
            [self._table(model), column],
        )
        return [row["name"] for row in rows]
