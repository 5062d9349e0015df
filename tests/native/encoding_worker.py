"""Encodes parameters for a server, and prints what came of it: run once with each wheel.

    encoding_worker.py memory                  # parameters made here, with a fixed seed
    encoding_worker.py server '{"host": ...}'  # what a real server stores of them

One line for each value or batch of rows: bytes and texts, errors by type and text.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import random
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import asyncmy  # pants: no-infer-dep
from asyncmy import converters, protocol  # pants: no-infer-dep

BATCHES = 8_000
ENCODINGS = ("utf8", "cp1252", "gbk")


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Moment(datetime.datetime):
    pass


class Day(datetime.date):
    pass


class Clock(datetime.time):
    pass


class Other:
    def __str__(self) -> str:
        return "other 'ü'"


def text(source: random.Random) -> str:
    """Of each width that CPython stores; some with surrogates, which no encoding has."""
    top = source.choice((0x80, 0x80, 0x100, 0xD800, 0xE000, 0x110000))
    length = source.choice((0, 1, 5, 40, 249, 250, 251, 252))
    return "".join(chr(source.randrange(top)) for _ in range(length))


def moment(source: random.Random) -> datetime.datetime:
    micros = source.choice((0, 1, 999_999, source.randrange(10**6)))
    day = datetime.date.fromordinal(source.randrange(1, datetime.date.max.toordinal() + 1))
    clock = datetime.time(source.randrange(24), source.randrange(60), source.randrange(60), micros)
    return datetime.datetime.combine(day, clock)


def span(source: random.Random) -> datetime.timedelta:
    micros = source.choice((0, source.randrange(10**6)))
    return datetime.timedelta(source.randrange(-40, 40), source.randrange(86_400), micros)


MAKERS: tuple[Callable[[random.Random], Any], ...] = (
    lambda source: source.randrange(-(2 ** source.randrange(1, 66)), 2**64 + 1),
    lambda source: source.randrange(-(2**63), 2**63),
    lambda source: source.random() < 0.5,
    lambda source: source.uniform(-1, 1) * 10 ** source.randrange(-300, 300),
    text,
    text,
    lambda source: source.randbytes(source.choice((0, 3, 250, 251, 300))),
    lambda source: bytearray(source.randbytes(9)),
    moment,
    lambda source: moment(source).date(),
    lambda source: moment(source).time(),
    lambda source: moment(source).replace(tzinfo=datetime.UTC),
    span,
    lambda source: Decimal(source.randrange(10**12)).scaleb(-source.randrange(9)),
    lambda source: Text(text(source)),
    lambda source: Number(source.randrange(9)),
    lambda source: Moment.combine(moment(source), moment(source).time()),
    lambda source: Day.fromordinal(moment(source).toordinal()),
    lambda source: Clock(source.randrange(24), 1, 2, source.randrange(2)),
    lambda _: Other(),
)


def shown(make: Callable[..., Any], *arguments: Any) -> str:
    """What is made, or why it was not."""
    try:
        return repr(make(*arguments))
    except Exception as error:  # noqa: BLE001 - which one is what is compared
        return f"{type(error).__name__}: {error}"


def in_memory() -> Iterator[str]:
    """Lines for literals and for the rows of bulk statements."""
    source = random.Random("encoding")
    for number in range(BATCHES):
        makers = source.choices(MAKERS, k=source.randrange(1, 7))
        rows: list[Any] = []
        for _ in range(source.randrange(1, 5)):
            row = [None if source.random() < 0.1 else make(source) for make in makers]
            if source.random() < 0.02:
                # Of another type than the rest of its column.
                row[0] = source.choice(MAKERS)(source)
            if source.random() < 0.01:
                row.append(1)
            rows.append(tuple(row) if source.random() < 0.7 else row)
        for encoding in ENCODINGS:
            packed = shown(protocol.pack_bulk_rows, rows, len(makers), encoding)
            yield f"{number} {encoding}: {packed}"
        for value in rows[0]:
            yield f"{number} literal: {shown(converters.escape_item, value, 'utf8mb4')}"
    for size in (2**16 - 1, 2**16, 2**24 - 1, 2**24):
        for value in ("x" * size, b"x" * size, "ü" * (size // 2)):
            types, values = protocol.pack_bulk_rows([(value,)], 1, "utf8")
            yield f"large: {types!r} {len(values)} {values[:16]!r} {values[-4:]!r}"
    for value in (float("inf"), float("-inf"), float("nan"), 5e-324, -0.0, 1e22):
        yield f"{value}: {shown(protocol.pack_bulk_rows, [(value,)], 1, 'utf8')}"
        yield f"{value}: {shown(converters.escape_item, value, 'utf8mb4')}"


CREATE = """
CREATE OR REPLACE TABLE encoded (
  id INT PRIMARY KEY, whole BIGINT, flag TINYINT, twice DOUBLE, words TEXT, things BLOB,
  moment DATETIME(6), day DATE, clock TIME(6), exact DECIMAL(20, 9)
) CHARACTER SET utf8mb4
"""
COLUMNS = 10
ROWS = 400


def stored(source: random.Random, number: int) -> tuple[Any, ...]:
    """A row for the table, whose first has a value in each column."""
    row = (
        source.randrange(-(2**63), 2**63),
        source.random() < 0.5,
        source.uniform(-1, 1) * 10 ** source.randrange(-9, 9),
        "".join(chr(source.randrange(1, 0xD800)) for _ in range(source.randrange(60))),
        source.randbytes(source.randrange(300)),
        datetime.datetime(2000, 1, 1) + datetime.timedelta(microseconds=source.randrange(10**15)),  # noqa: DTZ001
        datetime.date(1990, 1, 1) + datetime.timedelta(source.randrange(9_000)),
        datetime.timedelta(microseconds=source.randrange(10**12)),
        Decimal(source.randrange(10**15)).scaleb(-9),
    )
    return number, *(None if number and source.random() < 0.1 else value for value in row)


async def on_server(connection: dict[str, Any]) -> list[str]:
    """Lines for what a server stores, of one text and of one bulk statement."""
    lines = []
    for cached in (0, 10):
        opened = await asyncmy.connect(
            **connection, charset="utf8mb4", autocommit=True, stmt_cache_size=cached
        )
        source = random.Random("server")
        async with opened.cursor() as cursor:
            await cursor.execute(CREATE)
            marks = ", ".join(["%s"] * COLUMNS)
            rows = [stored(source, number) for number in range(ROWS)]
            count = await cursor.executemany(f"INSERT INTO encoded VALUES ({marks})", rows)
            lines.append(f"{cached}: {count} rows")
            await cursor.execute("SELECT * FROM encoded ORDER BY id")
            for row, wanted in zip(await cursor.fetchall(), rows, strict=True):
                # As they were given: a server that stored another value for both would not show.
                lines.append(f"{cached}: {row!r}{'' if row == wanted else f' is not {wanted!r}'}")
        opened.close()
    return lines


if __name__ == "__main__":
    mode, *rest = sys.argv[1:]
    lines = list(in_memory()) if mode == "memory" else asyncio.run(on_server(json.loads(rest[0])))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
