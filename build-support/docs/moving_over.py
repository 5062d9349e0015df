"""Write the tables of docs/moving-over.md out of src/fastapp/upgrade.

    python3 build-support/docs/moving_over.py [--check]

With --check nothing is written, and the exit code is 1 when the page is not current. Standard
library only; the modules that it reads import nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "moving-over.md"
MARK = "<!-- Below: written by build-support/docs/moving_over.py. -->\n"


def tables() -> str:
    """The part of the page below the mark."""
    if str(ROOT / "src") not in sys.path:
        sys.path.insert(0, str(ROOT / "src"))
    from fastapp.conf.planned import PLANNED
    from fastapp.upgrade.command_lines import COMMANDS, OPTIONS
    from fastapp.upgrade.names import ENGINES, FIELDS, MODULES, NAMES, NOT_YET, SETTINGS

    options = {
        f"{command} {option}": fix
        for command, known in OPTIONS.items()
        for option, fix in known.items()
    }
    options["runserver all"] = "`runserver`, which serves all apps"
    options["runserver --exclude a b"] = "`--exclude a --exclude b`: each app has its own option"
    planned = {name: NOT_YET.format(part=part) for name, part in PLANNED.items()}
    return "\n".join(
        (
            _table("Imports", {**MODULES, **NAMES}),
            _table("Fields of models", FIELDS),
            _table("Values of `ENGINE` in `DATABASES`", ENGINES),
            _table("Settings", {**SETTINGS, **planned}),
            _table("Commands", COMMANDS),
            _table("Options", options),
        )
    )


def page(current: str) -> str:
    """The page with its tables as the code has them."""
    return current.partition(MARK)[0] + MARK + "\n" + tables()


def _table(title: str, rows: Mapping[str, str]) -> str:
    lines = [f"## {title}", "", "| earlier | now |", "| --- | --- |"]
    lines += [f"| `{old}` | {_now(new)} |" for old, new in sorted(rows.items())]
    return "\n".join([*lines, ""])


def _now(new: str) -> str:
    """Code as code, sentences as they are."""
    for start in ("from ", "--", "models."):
        if new.startswith(start) and "," not in new and " with " not in new:
            return f"`{new}`"
    return new if " " in new or "`" in new else f"`{new}`"


def main() -> int:
    """Write the page, or check it."""
    current = PAGE.read_text(encoding="utf-8")
    made = page(current)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if current == made:
        return 0
    print(
        f"{PAGE.relative_to(ROOT)} is not current: run python3 {Path(__file__).relative_to(ROOT)}"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
