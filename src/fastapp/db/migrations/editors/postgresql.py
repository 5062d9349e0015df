"""SQL of PostgreSQL."""

from __future__ import annotations

from tortoise.migrations.schema_editor import AsyncpgSchemaEditor

from fastapp.db.migrations.editors.common import CommonEditor


class PostgreSQLEditor(CommonEditor, AsyncpgSchemaEditor):
    """Converts the values of a column whose type changes."""

    ALTER_FIELD_TYPE_TEMPLATE = (
        'ALTER COLUMN "{column}" TYPE {sql_type} USING "{column}"::{sql_type}'
    )
