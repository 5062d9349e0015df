"""Pages of docs/ as data: the files and commands of each of their sections, to be run by tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SECTION = re.compile(r"^## +(.+)\n", re.M)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_PATH = re.compile(r"# (\S+)\n")
_PART = re.compile(r"# (\S+), (\[\S+\])\n")
_CONTINUED = "\\\n"


@dataclass(frozen=True)
class Section:
    """What stands under one heading.

    Attributes:
        text: all of it.
        files: by path, without the comment that names the path.
        parts: what is added to a section of a file, by file and section.
        commands: of each console block; one of several lines is one text.
    """

    text: str
    files: dict[str, str]
    parts: dict[tuple[str, str], str]
    commands: list[list[str]]

    @property
    def script(self) -> str:
        """All commands, for a shell."""
        return "".join(f"{command}\n" for block in self.commands for command in block)


def sections(text: str) -> dict[str, Section]:
    """The sections of a page, by their titles."""
    pieces = _SECTION.split(text)
    return {title: _section(body) for title, body in zip(pieces[1::2], pieces[2::2], strict=True)}


def read_sections(path: Path) -> dict[str, Section]:
    """The sections of the page in a file, by their titles."""
    return sections(path.read_text(encoding="utf-8"))


def _section(text: str) -> Section:
    found = Section(text, {}, {}, [])
    for language, block in _BLOCK.findall(text):
        if language == "console":
            found.commands.append(_commands(block))
        elif match := _PART.match(block):
            found.parts[match[1], match[2]] = block[match.end() :]
        elif match := _PATH.match(block):
            found.files[match[1]] = block[match.end() :]
    return found


def _commands(block: str) -> list[str]:
    """What follows each prompt; lines without one are what a command prints."""
    found: list[str] = []
    continued = False
    for line in block.splitlines(keepends=True):
        if continued:
            found[-1] += line
        elif line.startswith("$ "):
            found.append(line.removeprefix("$ "))
        else:
            continue
        continued = line.endswith(_CONTINUED)
    return [command.rstrip("\n") for command in found]
