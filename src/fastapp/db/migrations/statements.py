"""Cutting SQL scripts into statements, and telling what a statement changes."""

from __future__ import annotations

import re
import sqlite3

#: Strings, quoted names and comments of MySQL, which may hold semicolons; anything else is one
#: character. A backslash escapes in strings.
_MYSQL_TOKEN = re.compile(
    r"'(?:[^'\\]|\\.|'')*'"
    r'|"(?:[^"\\]|\\.|"")*"'
    r"|`[^`]*`"
    r"|--[^\n]*|\#[^\n]*|/\*.*?\*/"
    r"|.",
    re.DOTALL,
)

#: What a statement that changes the schema begins with. MySQL commits before and after each.
_SCHEMA_WORDS = ("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "OPTIMIZE", "ANALYZE", "LOCK")


def split_sqlite(sql: str) -> list[str]:
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


def split_mysql(sql: str) -> list[str]:
    """The statements of a MySQL script; semicolons in strings, names and comments do not count."""
    found, buffer = [], ""
    for token in _MYSQL_TOKEN.findall(sql):
        if token == ";":
            found.append(buffer.strip())
            buffer = ""
        else:
            buffer += token
    found.append(buffer.strip())
    return [statement for statement in found if statement]


def changes_schema(statement: str) -> bool:
    """Whether MySQL commits this statement by itself, whatever transaction it is in."""
    text = re.sub(r"^(?:\s|--[^\n]*\n|#[^\n]*\n|/\*.*?\*/)+", "", statement, flags=re.DOTALL)
    return text.upper().startswith(_SCHEMA_WORDS)
