"""Reading the parts of ELF files that a build leaves traces in."""

from __future__ import annotations

import struct

_SECTION = struct.Struct("<IIQQQQIIQQ")
_DYNAMIC = struct.Struct("<qQ")
_RPATH, _RUNPATH = 15, 29


class ElfFile:
    """A 64-bit little-endian ELF file.

    Attributes:
        sections: contents of each section by name; empty for one that has no bytes in the file.
    """

    def __init__(self, data: bytes) -> None:
        assert data[:6] == b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file"
        (table,) = struct.unpack_from("<Q", data, 0x28)
        size, count, names_index = struct.unpack_from("<HHH", data, 0x3A)
        headers = [_SECTION.unpack_from(data, table + size * index) for index in range(count)]
        names_at = headers[names_index][4]
        self.sections: dict[str, bytes] = {}
        for name_offset, kind, _, _, offset, length, *_ in headers:
            start = names_at + name_offset
            name = data[start : data.index(b"\0", start)].decode()
            # Kind 8 takes memory, but no room in the file.
            self.sections[name] = b"" if kind == 8 else data[offset : offset + length]

    @property
    def search_paths(self) -> int:
        """How many folders-to-search-libraries-in entries (RPATH, RUNPATH) it has."""
        tags = [tag for tag, _ in _DYNAMIC.iter_unpack(self.sections[".dynamic"])]
        return tags.count(_RPATH) + tags.count(_RUNPATH)
