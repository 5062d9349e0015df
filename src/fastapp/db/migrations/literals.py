"""Values as SQL literals: statements that change a schema take no parameters."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from enum import Enum
from typing import Any

MYSQL, POSTGRESQL, SQLITE = "mysql", "postgres", "sqlite"


def sql_literal(value: Any, dialect: str) -> str:
    """A value as its field gives it to the driver, written as SQL.

    Args:
        value: from a field's ``to_db_value``.
        dialect: "mysql", "postgres" or "sqlite".

    Raises:
        ValueError: no database takes the value, or its type is unknown.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper() if dialect == POSTGRESQL else str(int(value))
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number")
        # SQLite has no exact decimal numbers: they are stored as text.
        exact = isinstance(value, Decimal) and dialect == SQLITE
        return _text(str(value), dialect) if exact else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        digits = bytes(value).hex()
        return f"'\\x{digits}'::bytea" if dialect == POSTGRESQL else f"X'{digits}'"
    return _text(_as_text(value, dialect), dialect)


def _as_text(value: Any, dialect: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dt.datetime):
        # asyncmy writes the wall clock of a moment and drops its offset.
        return (value.replace(tzinfo=None) if dialect == MYSQL else value).isoformat(" ")
    if isinstance(value, dt.time):
        return (value.replace(tzinfo=None) if dialect == MYSQL else value).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return str(value)
    raise ValueError(f"values of type {type(value).__name__} cannot be written as SQL")


def _text(value: str, dialect: str) -> str:
    if dialect == MYSQL and ("\\" in value or "\0" in value):
        # Whether a backslash escapes depends on the SQL mode.
        return f"_utf8mb4 X'{value.encode().hex()}'" if value else "''"
    if dialect == SQLITE and "\0" in value:
        return f"CAST(X'{value.encode().hex()}' AS TEXT)"
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
