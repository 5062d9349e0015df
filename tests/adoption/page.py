"""docs/adopt.md as data: the files and commands of each of its sections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path("docs/adopt.md")
_SECTION = re.compile(r"^## ", re.M)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_PATH = re.compile(r"# (\S+)\n")
_PART = re.compile(r"# (\S+), (\[\S+\])\n")


@dataclass(frozen=True)
class Section:
    """What stands under one heading.

    Attributes:
        files: by path, without the comment that names the path.
        parts: what is added to a section of a file, by file and section.
        commands: of each console block.
    """

    files: dict[str, str]
    parts: dict[tuple[str, str], str]
    commands: list[list[str]]


def read_section(title: str, page: str | None = None) -> Section:
    """Raises ValueError unless one section has that title."""
    text = PAGE.read_text(encoding="utf-8") if page is None else page
    (section,) = (part for part in _SECTION.split(text)[1:] if part.startswith(f"{title}\n"))
    found = Section({}, {}, [])
    for language, block in _BLOCK.findall(section):
        if language == "console":
            lines = block.splitlines()
            found.commands.append([line.removeprefix("$ ") for line in lines])
        elif match := _PATH.match(block):
            found.files[match[1]] = block[match.end() :]
        elif match := _PART.match(block):
            found.parts[match[1], match[2]] = block[match.end() :]
    return found
