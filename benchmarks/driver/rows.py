"""The table that is scanned, asked and filled: ten columns of mixed types, the same every time."""

from __future__ import annotations

import datetime
import random
import string
from collections.abc import Iterator

SEED = 20_240_229
# What a value can be that goes into a row.
Value = int | float | str | bytes | datetime.datetime | datetime.date | None
Row = tuple[Value, ...]

COLUMNS = {
    "id": "INT NOT NULL PRIMARY KEY",
    "number": "BIGINT NOT NULL",
    "flag": "TINYINT(1) NOT NULL",
    "price": "DECIMAL(12, 2) NOT NULL",
    "ratio": "DOUBLE NOT NULL",
    "name": "VARCHAR(64) NOT NULL",
    "note": "VARCHAR(255) NULL",
    "created": "DATETIME(6) NOT NULL",
    "day": "DATE NOT NULL",
    "token": "VARBINARY(32) NOT NULL",
}
SCANNED, FILLED = "scanned", "filled"
NAMES = ", ".join(COLUMNS)
SCAN = f"SELECT {NAMES} FROM {SCANNED}"
POINT = f"{SCAN} WHERE id = %s"
INSERT = f"INSERT INTO {FILLED} ({NAMES}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
EMPTY = f"TRUNCATE TABLE {FILLED}"

_NAME_LETTERS = string.ascii_letters
_NOTE_LETTERS = string.ascii_lowercase * 3 + "     äöüßéà中文字符数据库"
_FIRST_TIME = datetime.datetime(2000, 1, 1)  # noqa: DTZ001 - a DATETIME column has no zone
_FIRST_DAY = datetime.date(1990, 1, 1)


def create(table: str) -> str:
    """The statement that makes a table."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    return f"CREATE TABLE {table} ({columns}) ENGINE=InnoDB CHARACTER SET utf8mb4"


def rows(count: int) -> Iterator[Row]:
    """Rows with the identifiers 0 to `count` - 1; every second note is NULL."""
    source = random.Random(SEED)
    for number in range(count):
        yield (
            number,
            source.randrange(-(2**62), 2**62),
            source.randrange(2),
            f"{source.randrange(10**7)}.{source.randrange(100):02}",
            source.uniform(-1000, 1000),
            "".join(source.choices(_NAME_LETTERS, k=source.randrange(8, 40))),
            "".join(source.choices(_NOTE_LETTERS, k=source.randrange(10, 100)))
            if number % 2
            else None,
            _FIRST_TIME + datetime.timedelta(microseconds=source.randrange(10**15)),
            _FIRST_DAY + datetime.timedelta(days=source.randrange(20_000)),
            source.randbytes(16),
        )
