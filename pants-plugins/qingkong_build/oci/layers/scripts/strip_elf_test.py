from __future__ import annotations

import ctypes
import struct
import subprocess
from pathlib import Path

import pytest
import strip_elf

SOURCE = """\
static int table[] = {40, 2};
static __thread int mine = 7;
char space[100000];
int answer(void) { space[99999] = (char)mine; return table[0] + table[1]; }
"""
AARCH64 = 183


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with debug information, as a compiler makes it."""
    directory = tmp_path_factory.mktemp("library")
    (directory / "answer.c").write_text(SOURCE)
    subprocess.run(
        ["gcc", "-g", "-shared", "-fPIC", "-o", "answer.so", "answer.c"],
        cwd=directory,
        check=True,
        timeout=60,
    )
    return directory / "answer.so"


def segments(data: bytes) -> list[tuple[int, ...]]:
    """The table of segments."""
    offset, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    return [struct.unpack_from("<IIQQQQQQ", data, offset + number * 56) for number in range(count)]


def section_names(data: bytes) -> list[bytes]:
    (offset,) = struct.unpack_from("<Q", data, 40)
    _, count, names = struct.unpack_from("<HHH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + n * 64) for n in range(count)]
    table = data[sections[names][4] :][: sections[names][5]]
    return [table[x[0] : table.index(b"\0", x[0])] for x in sections]


def test_what_is_loaded_stays(library: Path) -> None:
    before = library.read_bytes()
    after = strip_elf.strip(before)
    assert len(after) < len(before)
    assert segments(after) == segments(before)
    header = 64
    for kind, _, offset, _, _, size, _, _ in segments(before):
        # The header is loaded too: of it the place and the number of sections may change.
        start = max(offset, header)
        assert after[start : offset + size] == before[start : offset + size], kind


def test_what_is_not_loaded_goes(library: Path) -> None:
    before, after = (
        section_names(library.read_bytes()),
        section_names(strip_elf.strip(library.read_bytes())),
    )
    assert {b".debug_info", b".symtab", b".comment"} <= set(before)
    gone = [x for x in before if x.startswith(b".debug") or x in (b".symtab", b".strtab")]
    assert not set(gone) & set(after)
    assert after == [x for x in before if x not in {*gone, b".comment", b".shstrtab"}] + [
        b".shstrtab"
    ]


def test_it_still_runs(library: Path, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped.so"
    stripped.write_bytes(strip_elf.strip(library.read_bytes()))
    loaded = ctypes.CDLL(str(stripped))
    assert loaded.answer() == 42


def test_again_it_finds_nothing(library: Path) -> None:
    once = strip_elf.strip(library.read_bytes())
    assert strip_elf.strip(once) == once


def test_of_another_processor(library: Path) -> None:
    """Nothing depends on the processor: the same file, said to be for another one."""
    before = library.read_bytes()
    foreign = before[:18] + struct.pack("<H", AARCH64) + before[20:]
    expected = strip_elf.strip(before)
    assert strip_elf.strip(foreign) == expected[:18] + struct.pack("<H", AARCH64) + expected[20:]


def changed(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def test_what_it_does_not_know_stays(library: Path) -> None:
    data = library.read_bytes()
    unknown = {
        "no ELF": b"#!/bin/sh\n" * 1000,
        "empty": b"",
        "32 bits": changed(data, 4, b"\x01"),
        "big end": changed(data, 5, b"\x02"),
        "a program": changed(data, 16, struct.pack("<H", 2)),
        "cut off in the middle": data[: len(data) // 2],
        "cut off in the header": data[:40],
        "no segments": changed(data, 56, struct.pack("<H", 0)),
        "no sections": changed(data, 60, struct.pack("<H", 0)),
    }
    for name, content in unknown.items():
        assert strip_elf.strip(content) == content, name


def test_what_is_loaded_from_the_end_stays(library: Path) -> None:
    """Tools that add a segment put it at the end, behind what is not loaded."""
    data = library.read_bytes()
    (table,) = struct.unpack_from("<Q", data, 32)
    number = next(n for n, x in enumerate(segments(data)) if x[0] not in (1, 2, 6, 7))
    added = struct.pack("<IIQQQQQQ", 1, 4, len(data), 1 << 30, 1 << 30, 8, 8, 1)
    moved = changed(data, table + number * len(added), added) + b"the end!"
    assert strip_elf.strip(moved) == moved
