"""The commands of docs/fleet.md, as a reader would paste them."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path("docs/fleet.md")
_SECTION = re.compile(r"^## +(.+)$", re.M)
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def commands(section: str) -> str:
    """The script that the console blocks of a section of the page make."""
    parts = _SECTION.split(PAGE.read_text(encoding="utf-8"))
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert section in texts, f"{PAGE} has no section {section!r}"
    lines = "".join(_BLOCK.findall(texts[section])).splitlines()
    found = []
    continued = False
    for line in lines:
        if continued or line.startswith("$ "):
            found.append(line if continued else line.removeprefix("$ "))
            continued = line.endswith("\\")
    assert found, f"{PAGE}: the section {section!r} has no command"
    return "\n".join(found) + "\n"


def sections() -> set[str]:
    """The sections that have commands."""
    parts = _SECTION.split(PAGE.read_text(encoding="utf-8"))
    return {
        title for title, text in zip(parts[1::2], parts[2::2], strict=True) if _BLOCK.search(text)
    }
