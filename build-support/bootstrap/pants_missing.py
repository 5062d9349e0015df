"""How to fix an address that leads nowhere, for the end of Pants' own error."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

# What Pants says of a folder that does not exist, and of one without a BUILD file.
_NOWHERE = re.compile(
    r"The file or directory '(?P<missing>[^']+)' does not exist on disk"
    r"|Directory '(?P<without>[^']+)' does not contain any BUILD files"
)


def _build_files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "dist")
        yield from (Path(folder, name) for name in names if name == "BUILD")


def _text(file: Path) -> str:
    """Of a BUILD file; none of one that cannot be read, such as a link that leads nowhere."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _named_in(path: str, root: Path) -> str:
    """The BUILD files that name the path; Pants does not say which for one without a BUILD file."""
    whole = re.compile(rf"(?<![\w/]){re.escape(path)}(?![\w/-])")
    files = (
        str(file.relative_to(root)) for file in _build_files(root) if whole.search(_text(file))
    )
    return ", ".join(files) or "the BUILD file or the command that names it"


def fix(text: str, root: Path) -> str | None:
    """What to do about the failure `text`; None where it is about something else, or says it."""
    found = _NOWHERE.search(text)
    if found is None or "Fix: " in text:
        return None
    path = found["missing"] or found["without"]
    write = f"write {path}/BUILD (`./pants tailor {path}:`)" if found["without"] else f"make {path}"
    return (
        f"Fix: {write}, or correct the address in {_named_in(path, root)} "
        "(of a `fastapp_service`: in its `apps`)."
    )
