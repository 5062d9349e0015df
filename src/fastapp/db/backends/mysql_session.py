"""What every connection to MySQL is told first. No driver is imported here."""

from __future__ import annotations

from datetime import datetime

from fastapp.exceptions import ImproperlyConfigured

#: Refuses what would silently lose data: values cut off, zero dates, unknown engines.
STRICT_SQL_MODE = (
    "STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)


def utc_offset(now: datetime) -> str:
    """The offset of an aware moment as MySQL writes it, such as "+08:00"."""
    offset = now.utcoffset()
    minutes = 0 if offset is None else int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def session_command(
    *, sql_mode: str, time_zone: str, storage_engine: str = "", further: str = ""
) -> str:
    """The one SET statement that every new connection runs.

    Args:
        sql_mode: SQL modes separated by commas.
        time_zone: an offset such as "+08:00" or a name that the server knows.
        storage_engine: default engine of new tables, or "".
        further: a SET statement of the project, whose assignments are added at the end.

    Raises:
        ImproperlyConfigured: ``further`` is no SET of variables.
    """
    assignments = [
        f"SESSION sql_mode={_quote(sql_mode)}",
        f"SESSION time_zone={_quote(time_zone)}",
    ]
    if storage_engine:
        assignments.append(f"SESSION default_storage_engine={_quote(storage_engine)}")
    further = further.strip().rstrip(";")
    if further:
        keyword, _, rest = further.partition(" ")
        if keyword.upper() != "SET" or "=" not in rest or ";" in rest:
            raise ImproperlyConfigured(
                "DATABASES: OPTIONS['init_command']: expected one statement "
                f"'SET variable=value, ...', got {further!r}. "
                "Fix: write it like 'SET wait_timeout=600'."
            )
        assignments.append(rest.strip())
    return "SET " + ", ".join(assignments)


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
