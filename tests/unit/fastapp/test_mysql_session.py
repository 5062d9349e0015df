"""The statement that sets up every connection to MySQL. The server itself: tests/integration."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from fastapp.db.backends.mysql_session import STRICT_SQL_MODE, session_command, utc_offset
from fastapp.exceptions import ImproperlyConfigured


def test_one_statement_sets_everything() -> None:
    assert session_command(sql_mode=STRICT_SQL_MODE, time_zone="+08:00") == (
        f"SET SESSION sql_mode='{STRICT_SQL_MODE}', SESSION time_zone='+08:00'"
    )
    assert "STRICT_TRANS_TABLES" in STRICT_SQL_MODE


def test_further_variables_are_added() -> None:
    command = session_command(
        sql_mode="ANSI",
        time_zone="UTC",
        storage_engine="InnoDB",
        further="set  SESSION wait_timeout=5, @who='me';",
    )
    assert command == (
        "SET SESSION sql_mode='ANSI', SESSION time_zone='UTC', "
        "SESSION default_storage_engine='InnoDB', SESSION wait_timeout=5, @who='me'"
    )


def test_values_are_quoted() -> None:
    command = session_command(sql_mode="A'; DROP TABLE x; --\\", time_zone="UTC")
    assert "sql_mode='A''; DROP TABLE x; --\\\\'," in command


@pytest.mark.parametrize("further", ["SELECT 1", "SET NAMES latin1", "SET a=1; DROP TABLE x"])
def test_anything_else_is_refused(further: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"OPTIONS\['init_command'\]: .*Fix: "):
        session_command(sql_mode="", time_zone="UTC", further=further)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Shanghai", "+08:00"),
        ("UTC", "+00:00"),
        ("America/St_Johns", "-03:30"),
        ("Asia/Kathmandu", "+05:45"),
    ],
)
def test_offsets(zone: str, expected: str) -> None:
    assert utc_offset(datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))) == expected
