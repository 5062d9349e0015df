"""Tables in Markdown, and pages of which a program writes the marked sections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


class PageError(ValueError):
    """A page has not the section that is to be written; the text says which, and the fix."""


def markdown_table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True
) -> str:
    """A table; the first column is text, the others are aligned to the right if `numbers`.

    Raises:
        ValueError: a row has more or fewer cells than the headers.
    """
    lines = [list(headers), ["---", *["--:" if numbers else "---"] * (len(headers) - 1)]]
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(f"{len(row)} cells {list(row)} under {len(headers)} headers")
        lines.append([cell.replace("|", "\\|") for cell in row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def environment_list(record: Mapping[str, str]) -> str:
    """What `environment()` gave, as a list."""
    return "\n".join(f"- {name}: {value}" for name, value in record.items())


def replace_section(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME: written by ... -->` and `<!-- NAME: end -->`.

    Raises:
        PageError: the page has no such section, or more than one.
    """
    content = page.read_text(encoding="utf-8")
    pattern = re.compile(
        rf"(<!-- {re.escape(name)}: written by [^\n]*-->\n).*?(<!-- {re.escape(name)}: end -->)",
        re.DOTALL,
    )
    new, count = pattern.subn(lambda match: f"{match[1]}\n{text.strip()}\n\n{match[2]}", content)
    if count != 1:
        raise PageError(
            f"{page} has {count} sections {name!r}, not one. Put these lines where it belongs: "
            f"`<!-- {name}: written by COMMAND -->` and `<!-- {name}: end -->`."
        )
    page.write_text(new, encoding="utf-8")
