"""SQL of PostgreSQL."""

from __future__ import annotations

from tortoise.migrations.schema_editor import AsyncpgSchemaEditor

from fastapp.db.migrations.editors.common import CommonEditor


class _TypeChange:
    """The template of a change of type."""

    def format(self, *, column: str, sql_type: str) -> str:
        """The change. A cast to a type with a length cuts values; the assignment refuses them."""
        cast = sql_type.partition("(")[0]
        return f'ALTER COLUMN "{column}" TYPE {sql_type} USING "{column}"::{cast}'


class PostgreSQLEditor(CommonEditor, AsyncpgSchemaEditor):
    """Converts the values of a column whose type changes."""

    ALTER_FIELD_TYPE_TEMPLATE = _TypeChange()  # type: ignore[assignment]
