"""Compares a wheel that is built here with the index's of the same version.

Ours is the one that is installed beside this program, the other is downloaded by pip with the
machine's own settings. Nothing of either is imported.

    pants run 3rdparty/asyncmy:compare
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import textwrap
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

_RECORD = "native_wheel.json"
# The ELF format's own numbers.
_SHT_SYMTAB, _SHT_DYNAMIC, _SHT_NOBITS, _SHT_DYNSYM = 2, 6, 8, 11
_SHF_COMPRESSED = 0x800
_DT_NEEDED, _DT_RPATH, _DT_RUNPATH = 1, 15, 29
_NOT_RECORDED = "not recorded"


class CompareError(SystemExit):
    """What is wrong, and the fix."""


@dataclass
class Library:
    """What one or more ELF files carry."""

    size: int = 0
    symbols: int = 0
    dynamic_symbols: int = 0
    debug: int = 0
    needed: set[str] = field(default_factory=set)
    run_paths: set[str] = field(default_factory=set)
    # As compilers write them down: their versions, and their flags in debug information.
    compilers: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)

    def add(self, other: Library) -> None:
        """Count `other` in."""
        self.size += other.size
        self.symbols += other.symbols
        self.dynamic_symbols += other.dynamic_symbols
        self.debug += other.debug
        self.needed |= other.needed
        self.run_paths |= other.run_paths
        self.compilers |= other.compilers
        self.flags |= other.flags


@dataclass(frozen=True)
class _Section:
    name: str
    type: int
    link: int
    content: bytes


def _string(table: bytes, offset: int) -> str:
    return table[offset : table.index(b"\0", offset)].decode(errors="replace")


def _sections(name: str, elf: bytes) -> list[_Section]:
    # 64 bits, little-endian: what all machines are that this runs on.
    if elf[:6] != b"\x7fELF\x02\x01":
        raise CompareError(f"compare: {name} is no 64-bit little-endian ELF file; leave it out")
    offset, size, count, names_at = struct.unpack_from("<40xQ10xHHH", elf)
    headers = [
        struct.unpack_from("<IIQQQQIIQQ", elf, offset + size * number) for number in range(count)
    ]
    start = headers[names_at][4]
    names = elf[start : start + headers[names_at][5]]
    found = []
    for title, kind, flags, _, start, length, link, *_ in headers:
        content = b"" if kind == _SHT_NOBITS else elf[start : start + length]
        if flags & _SHF_COMPRESSED and content[:4] == b"\x01\0\0\0":
            content = zlib.decompress(content[24:])
        found.append(_Section(_string(names, title), kind, link, content))
    return found


def read_library(name: str, elf: bytes) -> Library:
    """What the ELF file `elf` carries; `name` is for errors."""
    library = Library(size=len(elf))
    sections = _sections(name, elf)
    for section in sections:
        if section.type == _SHT_SYMTAB:
            library.symbols += len(section.content) // 24
        elif section.type == _SHT_DYNSYM:
            library.dynamic_symbols += len(section.content) // 24
        elif section.type == _SHT_DYNAMIC:
            strings = sections[section.link].content
            for tag, value in struct.iter_unpack("<qQ", section.content):
                if tag == _DT_NEEDED:
                    library.needed.add(_string(strings, value))
                elif tag in {_DT_RPATH, _DT_RUNPATH}:
                    library.run_paths.add(_string(strings, value))
        elif section.name == ".comment":
            texts = section.content.decode(errors="replace").split("\0")
            library.compilers.update(filter(None, texts))
        if section.name.startswith(".debug"):
            library.debug += len(section.content)
            for producer in re.findall(rb"GNU C[^\0]* -[^\0]*", section.content):
                flags = re.findall(r" (-\S+)", producer.decode(errors="replace"))
                library.flags.add(" ".join(dict.fromkeys(flags)))
    return library


def libraries_of(files: Mapping[str, bytes]) -> Library:
    """All extension modules among `files` together."""
    total = Library()
    for name, content in files.items():
        if name.endswith(".so"):
            total.add(read_library(name, content))
    return total


def installed(project: str) -> tuple[dict[str, bytes], dict[str, object]]:
    """The files and the record of the wheel that is built here."""
    # By a search, since it has no error for a project that is not there.
    distribution = next(iter(metadata.distributions(name=project)), None)
    record = None if distribution is None else distribution.read_text(_RECORD)
    if distribution is None or record is None:
        raise CompareError(
            f"compare: no {project!r} that was built here is installed. Put its native_wheel into "
            "the 'dependencies' of the pex_binary."
        )
    files = {}
    for file in distribution.files or ():
        path = Path(str(file.locate()))
        if path.is_file() and path.suffix != ".pyc":
            files[str(file)] = path.read_bytes()
    return files, json.loads(record)


def download(project: str, version: str) -> tuple[str, dict[str, bytes]]:
    """Name and files of the index's wheel, by the pip of this interpreter's installation."""
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    # What the environment of a PEX says about modules is not for pip.
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PEX", "PYTHON"))}
    with tempfile.TemporaryDirectory() as directory:
        command = [str(python), "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", f"--dest={directory}", f"{project}=={version}"]
        result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        wheels = sorted(Path(directory).glob("*.whl"))
        if result.returncode or not wheels:
            raise CompareError(
                f"compare: pip got no wheel of {project!r} {version!r}: "
                f"{result.stderr.strip()[-500:]} Look at `pip config list`, and whether the index "
                "has a wheel of this version for this interpreter."
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            return wheels[0].name, {name: wheel.read(name) for name in wheel.namelist()}


def rows_of(files: Mapping[str, bytes], record: Mapping[str, object] | None) -> dict[str, str]:
    """One column of the table."""
    total = libraries_of(files)
    if record is None:
        compiled, linked = "; ".join(sorted(total.flags)) or _NOT_RECORDED, _NOT_RECORDED
    else:
        compiled, linked = (
            " ".join(map(str, value)) if isinstance(value, list) else _NOT_RECORDED
            for value in (record.get("compile_args"), record.get("link_args"))
        )
    return {
        "files": f"{len(files):,}",
        "bytes, all files": f"{sum(map(len, files.values())):,}",
        "bytes, compressed": f"{sum(len(zlib.compress(body)) for body in files.values()):,}",
        "extension modules": f"{sum(name.endswith('.so') for name in files):,}",
        "bytes, modules": f"{total.size:,}",
        "debug information": f"{total.debug:,}",
        "symbols": f"{total.symbols:,}",
        "dynamic symbols": f"{total.dynamic_symbols:,}",
        "needed libraries": " ".join(sorted(total.needed)) or "none",
        "run paths": " ".join(sorted(total.run_paths)) or "none",
        "compiler": "; ".join(sorted(total.compilers)) or _NOT_RECORDED,
        "compile flags": compiled,
        "link flags": linked,
    }


def table(rows: Iterable[tuple[str, str, str]], width: int = 38) -> str:
    """Aligned text; long values go on below."""
    lines = []
    for label, *values in rows:
        cells = [textwrap.wrap(value, width) or [""] for value in values]
        for number in range(max(map(len, cells))):
            left = label if number == 0 else ""
            texts = [cell[number] if number < len(cell) else "" for cell in cells]
            lines.append("  ".join([f"{left:18}", *(f"{text:{width}}" for text in texts)]).rstrip())
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Print the comparison of the project that is named."""
    (project,) = argv
    files, record = installed(project)
    version = str(record["version"])
    wheel, others = download(project, version)
    ours, theirs = rows_of(files, record), rows_of(others, None)
    print(f"{project} {version}: ours, profile {record['profile']!r}, and {wheel}\n")
    print(table([("", "built here", "index"), *((k, ours[k], theirs[k]) for k in ours)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
