"""Decodes what a server could send, and prints what came of it: run once with each wheel.

    decoding_worker.py memory                  # packets made here, plain ones and strange ones
    decoding_worker.py server '{"host": ...}'  # what a real server sends

One line for each value: types and values, floats to the last bit, errors by type and text.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import struct
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import asyncmy  # pants: no-infer-dep
import asyncmy.converters as known  # pants: no-infer-dep
from asyncmy import protocol  # pants: no-infer-dep

# How a column is decoded: code, encoding and converter, as asyncmy makes them of the metadata.
Column = tuple[int, str | None, Callable[[Any], Any] | None]
COLUMNS: dict[str, Column] = {
    "bytes": (0, None, None),
    "utf8": (1, "utf8", None),
    "latin1": (3, "latin1", None),
    "int": (0, None, int),
    "float": (0, None, float),
    "decimal": (2, "ascii", Decimal),
    "datetime": (0, None, known.convert_datetime),
    "date": (0, None, known.convert_date),
    "time": (0, None, known.convert_timedelta),
    "json": (1, "utf8", json.loads),
    "upper": (0, None, bytes.upper),
}
RANDOM_VALUES = 20_000
STRANGE: dict[str, tuple[bytes, ...]] = {
    "bytes": (b"", b"\0", b"\xff" * 300, bytes(range(256))),
    "latin1": (b"", b"caf\xe9", b"\x80"),
    "int": (
        *(b"0", b"-0", b"-1", b"+5", b"00012", b"-007", b"", b"-", b"+", b"--1", b" 12", b"12 "),
        *(b"1_000", b"12a", b"9" * 17, b"9" * 18, b"9" * 19, b"-" + b"9" * 18, b"-" + b"9" * 19),
        *(b"18446744073709551615", b"18446744073709551616", b"-9223372036854775808"),
        *(b"-9223372036854775809", b"9" * 40, b"1.5"),
    ),
    "float": (
        *(b"0", b"-0", b"0.0", b"-0.0", b"1", b"1.", b".5", b".", b"", b"-", b"e5", b"1e", b"1e+"),
        *(b"1e22", b"1e23", b"1E5", b"1e-5", b"1e400", b"-1e400", b"1e-400", b"5e-324", b"1e27"),
        *(b"2.2250738585072011e-308", b"2.2250738585072014e-308", b"1.7976931348623157e308"),
        *(
            b"9007199254740993",
            b"9007199254740992.5",
            b"9007199254740993e1",
            b"1.00000000000000005",
        ),
        *(
            b"123456789012345678",
            b"1234567890123456789",
            b"12345678901234567890",
            b"0." + b"0" * 30,
        ),
        *(
            b"0." + b"0" * 30 + b"1",
            b"1" + b"0" * 30,
            b"9999999999999999999e-27",
            b"1e-27",
            b"1e28",
        ),
        *(
            b"nan",
            b"inf",
            b"-inf",
            b"1_0",
            b" 1",
            b"1 ",
            b"1.2.3",
            b"0x1p3",
            b"+1.5",
            b"1e00000005",
        ),
        *(b"18446744073709551615", b"9223372036854775808.5", b"4503599627370497.5"),
    ),
    "decimal": (
        *(b"0", b"0.00", b"-0.00", b"123.45", b"-123.45", b"-.5", b".5", b"5.", b"", b"-", b"."),
        *(b"-.", b"NaN", b"Infinity", b"1E+5", b"1_0", b" 1", b"1.2.3", b"+1", b"\xff", b"9" * 65),
        *(b"0" * 70 + b"1.5", b"9" * 35 + b"." + b"9" * 30, b"1" * 250),
    ),
    "datetime": (
        *(b"0000-00-00 00:00:00", b"2024-02-29 23:59:59", b"2023-02-29 00:00:00", b"", b"x" * 19),
        *(b"1900-02-29 00:00:00", b"2000-02-29 00:00:00", b"2024-00-10 00:00:00", b"2024-01-01"),
        *(b"2024-13-01 00:00:00", b"2024-01-01 24:00:00", b"2024-01-01 23:60:00", b"2024-04-31 0"),
        *(b"2024-01-01 23:59:60", b"2024-01-01T12:34:56", b"9999-12-31 23:59:59.999999"),
        *(b"2024-01-01 12:34:56." + b"123456789"[:n] for n in range(10)),
        *(b"2024-01-01 12:34:56,123", b"2024-01-01 12:34:5x", b"0001-01-01 00:00:00", b"20240101"),
        *(b"2024-01-01 12:34:56.12x", b"-024-01-01 12:34:56", b"2024-04-31 00:00:00"),
    ),
    "date": (
        *(b"0000-00-00", b"2024-02-29", b"2023-02-29", b"1900-02-29", b"2024-12-31", b"2024-1-1"),
        *(
            b"0001-01-01",
            b"9999-12-31",
            b"2024-04-31",
            b"2024-13-01",
            b"",
            b"2024-01-01 ",
            b"x" * 10,
        ),
    ),
    "time": (b"00:00:00", b"-838:59:59", b"838:59:59.999999", b"12:34:56.1", b"", b"x", b"1:2:3"),
    "utf8": (
        *(
            b"",
            b"a",
            b"\x00",
            b"\xc3\xa9",
            b"a\xc3\xa9",
            "中".encode(),
            "中文".encode(),
            b"\x7f\x80",
        ),
        *(
            b"\xc0\x80",
            b"\xc1\xbf",
            b"\xe0\x80\x80",
            b"\xe0\x9f\xbf",
            b"\xed\xa0\x80",
            b"\xed\xbf\xbf",
        ),
        *(b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff", b"\xfe", b"\x80"),
        *(b"ok" + text for text in (b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf")),
        *(b"ok" + text for text in (b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\x9f\xbf", b"\x80")),
        *(b"ok \xe4\xb8", b"ok \xe4", b"ok \xc3", b"ok \xf0\x9f\x98", b"\xe4\xb8a", b"\xc3a"),
        *("😀".encode(), "a😀é中".encode(), "\ufeffbom".encode(), "\uffff\ud7ff\ue000".encode()),
        *(b"x" * n for n in (2, 7, 8, 9, 15, 16, 17, 250, 251, 1023, 1024, 1025, 70_000)),
        *("é".encode() * n for n in (1, 2, 511, 512, 513, 40_000)),
        *(b"x" * n + "é中".encode() for n in range(20)),
    ),
    "json": (b"[]", b'{"a": [1, 2]}', b"1", b'"text"', b"null", b"{", b""),
    "upper": (b"abc", b""),
}


def random_values(kind: str, source: random.Random) -> Iterator[bytes]:
    """Plain values of a column, as a server writes them."""
    for _ in range(RANDOM_VALUES):
        if kind == "int":
            yield str(source.randrange(-(2 ** source.randrange(1, 66)), 2**64)).encode()
        elif kind == "float":
            yield random_float(source)
        elif kind == "decimal":
            digits = str(source.randrange(10 ** source.randrange(1, 40)))
            sign = "-" if source.random() < 0.5 else ""
            yield f"{sign}{digits}.{source.randrange(10**6)}".encode()
        elif kind == "utf8":
            # With 0x10000, most have a surrogate: those are errors.
            top = source.choice((0x80, 0x100, 0x800, 0xD800, 0x10000, 0x110000))
            codes = (source.randrange(top) for _ in range(source.randrange(60)))
            yield "".join(map(chr, codes)).encode("utf-8", "surrogatepass")
        elif kind in {"datetime", "date", "time"}:
            parts = [source.randrange(n) for n in (10_000, 14, 33, 25, 61, 61, 10**6)]
            text = "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}".format(*parts)
            begin = 11 if kind == "time" else 0
            end = 10 if kind == "date" else source.choice((19, 19, 21, 23, 26))
            yield text[begin:end].encode()
        else:
            yield source.randbytes(source.randrange(40))


def random_float(source: random.Random) -> bytes:
    """A number as servers write them, or with more digits, or next to half-way between two."""
    kind = source.randrange(4)
    if kind == 0:
        (value,) = struct.unpack("<d", source.randbytes(8))
        return repr(value).encode()
    if kind == 1:
        return repr(source.uniform(-1, 1) * 10 ** source.randrange(-20, 21)).encode()
    if kind == 2:
        digits = str(source.randrange(10 ** source.randrange(1, 21)))
        point = source.randrange(len(digits) + 1)
        return f"{digits[:point]}.{digits[point:]}e{source.randrange(-30, 31)}".encode()
    # Exactly half-way between two, in all its digits or cut off.
    half = (source.randrange(2**52, 2**53) * 2 + 1) * 2 ** source.randrange(0, 10)
    return f"{half}"[: source.randrange(15, 20)].encode() + b"e%d" % source.randrange(-27, 28)


def show(value: object) -> str:
    """A text that is equal for equal values of equal types only."""
    if isinstance(value, float):
        return f"float {value.hex()}"
    return f"{type(value).__name__} {value!r}"


def packet(*values: bytes | None) -> bytes:
    """The payload of one row."""
    parts = []
    for value in values:
        if value is None:
            parts.append(b"\xfb")
            continue
        size = len(value)
        if size < 251:
            parts.append(bytes([size]))
        elif size < 2**16:
            parts.append(b"\xfc" + size.to_bytes(2, "little"))
        elif size < 2**24:
            parts.append(b"\xfd" + size.to_bytes(3, "little"))
        else:
            parts.append(b"\xfe" + size.to_bytes(8, "little"))
        parts.append(value)
    return b"".join(parts)


def decode(payload: bytes, columns: tuple[Column, ...]) -> str:
    """What a payload gives, read from the buffer and, where that leaves it, as a packet."""
    rows: list[tuple[Any, ...]] = []
    try:
        buffer = bytearray(len(payload).to_bytes(4, "little") + payload)
        protocol.parse_rows_from_buffer(buffer, 0, len(buffer), columns, 0, rows, True)
        if not rows:
            rows.append(protocol.MysqlPacket(payload, "utf8").read_row(columns))
    except Exception as error:  # noqa: BLE001 - which one is what is compared
        return f"{type(error).__name__}: {error}"
    (row,) = rows
    # The collector takes off its list what cannot be part of a cycle, and nothing else.
    gc.collect(0)
    tracked = gc.is_tracked(row)
    return f"{', '.join(map(show, row))} {'tracked' if tracked else 'not tracked'}"


def in_memory() -> Iterator[str]:
    """Lines for packets that are made here."""
    for kind, column in COLUMNS.items():
        values: list[bytes | None] = [None, *STRANGE[kind]]
        if kind not in {"json", "upper", "latin1"}:
            values += random_values(kind, random.Random(kind))
        for value in values:
            shown = value if value is None or len(value) < 100 else f"{len(value)} bytes"
            yield f"{kind} {shown!r}: {decode(packet(value), (column,))}"
    columns = tuple(COLUMNS.values())
    plain = [values[-1] for values in STRANGE.values()]
    whole = packet(*(STRANGE[kind][0] or b"1" for kind in COLUMNS))
    for cut in range(len(whole)):
        yield f"cut at {cut}: {decode(whole[:cut], columns)}"
    yield f"all: {decode(packet(*plain), columns)}"
    yield f"marker 255: {decode(b'\xff\xff', columns[:1])}"
    many = (COLUMNS["int"],) * 4_097
    yield f"many: {decode(packet(*(b'%d' % n for n in range(4_097))), many)}"
    # More than one packet on the wire.
    large = "é中".encode() * 4_000_000
    yield f"large: {hash_of(decode(packet(large, b'7'), (COLUMNS['utf8'], COLUMNS['int'])))}"


def hash_of(text: str) -> str:
    """For values too large to print."""
    import hashlib

    return f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()}"


CREATE = """
CREATE OR REPLACE TABLE decoded (
  id INT PRIMARY KEY AUTO_INCREMENT, tiny TINYINT, small SMALLINT, medium MEDIUMINT, big BIGINT,
  huge BIGINT UNSIGNED, filled INT(8) ZEROFILL, bits BIT(40), year YEAR, single FLOAT, twice DOUBLE,
  exact DECIMAL(65, 30), day DATE, moment DATETIME(6), stamp TIMESTAMP(3) NULL, clock TIME(2),
  short VARCHAR(200), fixed CHAR(10), bin VARBINARY(300), picked ENUM('a', 'ü'),
  several SET('x', 'y'), words LONGTEXT, things LONGBLOB, document JSON
) CHARACTER SET utf8mb4
"""
ROWS = (
    (
        "NULL, 1, -2, 3, -4, 18446744073709551615, 42, b'1011', 2024, 1.1, 0.1, -0.5, '0000-00-00',"
        " '0000-00-00 00:00:00', '2024-01-02 03:04:05.678', '-838:59:59', 'ü', 'x', x'00ff', 'ü',"
        " 'x,y', REPEAT('ü', 70000), x'80', '{\"a\": [1, \"ü\"]}'"
    ),
    "NULL" + ", NULL" * 23,
    (
        "NULL, 0, 0, 0, 9223372036854775807, 0, 0, b'0', 1901, -3.4e38, 1.7976931348623157e308,"
        " 12345678901234567890123456789012345.123456789012345678901234567891, '2024-02-29',"
        " '9999-12-31 23:59:59.999999', '2000-01-01 00:00:00', '00:00:00.25', '', '', '', 'a', '',"
        " '😀', '', '[]'"
    ),
)


async def on_server(connection: dict[str, Any]) -> list[str]:
    """Lines for what a server sends."""
    opened = await asyncmy.connect(**connection, charset="utf8mb4", autocommit=True)
    lines = []
    async with opened.cursor() as cursor:
        # Zero dates are values here.
        await cursor.execute("SET SESSION sql_mode = '', time_zone = '+00:00'")
        await cursor.execute(CREATE)
        for row in ROWS:
            await cursor.execute(f"INSERT INTO decoded VALUES ({row})")
        await cursor.execute("SELECT * FROM decoded ORDER BY id")
        for row in await cursor.fetchall():
            lines += [
                f"{column[0]}: {show(v)}" for column, v in zip(cursor.description, row, strict=True)
            ]
        # Two packets on the wire for one row.
        await cursor.execute("SELECT 1, REPEAT('ü', 9000000), 'after', 2.5")
        lines += [hash_of(show(value)) for value in await cursor.fetchone()]
        await cursor.execute("SELECT seq, seq / 7, SQRT(seq), CONCAT('ü', seq) FROM seq_1_to_50000")
        lines.append(hash_of(repr([list(map(show, row)) for row in await cursor.fetchall()])))
    opened.close()
    return lines


if __name__ == "__main__":
    mode, *rest = sys.argv[1:]
    lines = list(in_memory()) if mode == "memory" else asyncio.run(on_server(json.loads(rest[0])))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
