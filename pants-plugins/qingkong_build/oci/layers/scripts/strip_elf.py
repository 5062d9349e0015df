"""Cut off what is never loaded of an ELF library. Standard library only.

Debug information, the symbol table for debuggers and comments are sections at a file's end that
no segment covers. They are cut off together with the table of sections, and a table of those
that stay is written instead. Every byte that is loaded keeps its value and its place.

`strip` of binutils does more (and less: it reads the processors only that it was built for), and
its output depends on its version. This one does the same to 64-bit, little-endian libraries of
every processor, everywhere.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_IDENT = b"\x7fELF\x02\x01\x01"
_SHARED = 3
_LOAD, _NOBITS, _STRTAB = 1, 8, 3
_ALLOC = 2
_NAMES = b".shstrtab\0"


class _Section(NamedTuple):
    name: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entsize: int


def _name(table: bytes, offset: int) -> bytes:
    return table[offset : table.index(b"\0", offset)]


def strip(data: bytes) -> bytes:
    """`data` without what is never loaded; itself where that is nothing, or not at its end.

    What is no shared library, or is laid out in a way that this does not know, is returned as
    it is.
    """
    try:
        stripped = _strip(data)
    except (struct.error, ValueError, IndexError):
        return data
    return stripped if len(stripped) < len(data) else data


def _strip(data: bytes) -> bytes:
    if not data.startswith(_IDENT):
        raise ValueError("not ELF, or of another class")
    header = list(_HEADER.unpack_from(data))
    kind, segments_at, sections_at = header[1], header[5], header[6]
    segment_size, segment_count, section_size, section_count, names_index = header[9:14]
    if (kind, segment_size, section_size) != (_SHARED, _SEGMENT.size, _SECTION.size):
        raise ValueError("not a shared library")
    segments = [
        _SEGMENT.unpack_from(data, segments_at + number * _SEGMENT.size)
        for number in range(segment_count)
    ]
    sections = [
        _Section(*_SECTION.unpack_from(data, sections_at + number * _SECTION.size))
        for number in range(section_count)
    ]
    kept = [number for number, x in enumerate(sections) if number == 0 or x.flags & _ALLOC]
    # Dynamic symbols name their sections by number: no number that stays may change.
    if kept != list(range(len(kept))):
        raise ValueError("sections that stay come after others")
    if any(sections[x].link >= len(kept) for x in kept):
        raise ValueError("a section that stays refers to one that does not")
    end = max(
        segments_at + segment_count * _SEGMENT.size,
        *(offset + size for _, _, offset, _, _, size, _, _ in segments),
        *(x.offset + x.size for x in (sections[n] for n in kept) if x.type != _NOBITS),
    )
    if end > len(data) or not any(segment[0] == _LOAD for segment in segments):
        raise ValueError("cut off, or nothing in it is loaded")
    old_names = data[sections[names_index].offset :][: sections[names_index].size]
    names = b"\0"
    table = []
    for number in kept:
        section = sections[number]
        table.append(section._replace(name=len(names) if number else 0))
        names += _name(old_names, section.name) + b"\0" if number else b""
    names_entry = _Section(len(names), _STRTAB, 0, 0, end, len(names + _NAMES), 0, 0, 1, 0)
    names += _NAMES
    table_at = -(-(end + len(names)) // 8) * 8
    header[6], header[12], header[13] = table_at, len(table) + 1, len(table)
    body: bytes = data[:end] + names
    body += b"\0" * (table_at - len(body))
    body += b"".join(_SECTION.pack(*section) for section in (*table, names_entry))
    return _HEADER.pack(*header) + body[_HEADER.size :]
