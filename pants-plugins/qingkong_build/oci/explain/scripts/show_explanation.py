"""Print why each distribution is in an image, or write the page of one. Standard library only.

show_explanation.py EXPLANATION.json [--page PAGE.html] [--html FILE | --json] [NAME]
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any

Entry = dict[str, Any]


def size(number: int) -> str:
    """Bytes for people: decimal units."""
    if number < 999_950:
        return f"{number / 1000:.1f} kB"
    return f"{number / 1_000_000:.1f} MB"


def reason(entry: Entry) -> str:
    """Why it is there, in one line."""
    if entry["built_by"]:
        return "built by " + ", ".join(entry["built_by"])
    if not entry["chains"]:
        return "no requirement asks for it"
    chain = entry["chains"][0]
    if len(chain) == 1 and entry["declared_by"]:
        return str(entry["declared_by"])
    more = len(entry["chains"]) - 1
    return " -> ".join(chain) + (f" (and {more} more)" if more else "")


def table(entries: Sequence[Entry]) -> Iterator[str]:
    """One line for each, and their sum."""
    rows = [("distribution", "version", "size", "license", "why")]
    rows += [
        (one["name"], one["version"], size(one["bytes"]), one["license"], reason(one))
        for one in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [
            cell.rjust(width) if column == 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row[:4], widths, strict=True))
        ]
        yield "  ".join([*cells, row[4]]).rstrip()
    layers = {one["layer"] for one in entries}
    total = sum(one["bytes"] for one in entries)
    yield ""
    yield f"{len(entries)} distributions, {size(total)} unpacked, in {', '.join(sorted(layers))}"


def details(entry: Entry) -> Iterator[str]:
    """All that is known of one."""
    yield f"{entry['name']} {entry['version']}"
    yield f"  {size(entry['bytes'])} in {entry['files']} files, in {entry['layer']}"
    yield f"  license: {entry['license']}"
    if entry["declared_by"]:
        yield f"  declared by {entry['declared_by']}"
    for address in entry["built_by"]:
        yield f"  built by {address}"
    for file in entry["imported_by"]:
        yield f"  used by {file}"
    for chain in entry["chains"]:
        yield f"  asked for: {' -> '.join(chain)}"
    if not entry["chains"] and not entry["built_by"]:
        yield f"  {reason(entry)}"


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="explain",
        description="Why each distribution is in the image.",
        # The plugin looks for the whole word.
        allow_abbrev=False,
    )
    parser.add_argument("explanation", help=argparse.SUPPRESS)
    parser.add_argument("--page", help=argparse.SUPPRESS)
    parser.add_argument("name", nargs="?", metavar="NAME", help="say all that is known of one")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--json", action="store_true", help="print JSON: sizes are bytes")
    kinds.add_argument(
        "--html", metavar="FILE", help="write a page: the image's layers, what is in them, by size"
    )
    # `--json NAME` too, which the plain parser refuses after the first argument.
    args = parser.parse_intermixed_args(argv)
    if args.html is not None and args.name is not None:
        parser.error("argument --html: it is of the whole image. Fix: leave out NAME.")
    return args


def write_page(page: str, output: str) -> int:
    """Copy the page to the file that the user named; the exit code."""
    try:
        os.makedirs(os.path.dirname(output) or ".", exist_ok=True)
        shutil.copyfile(page, output)
    except OSError as error:
        print(
            f"explain: writing the page: --html={output!r}: {error.strerror or error}. "
            "Fix: name a file in a folder that you may write to.",
            file=sys.stderr,
        )
        return 1
    print(f"Wrote {output}")
    return 0


def main(argv: Sequence[str]) -> int:
    args = arguments(argv)
    if args.html is not None:
        return write_page(args.page, args.html)
    with open(args.explanation, encoding="utf-8") as file:
        entries: list[Entry] = json.load(file)
    if args.name is not None:
        wanted = re.sub(r"[-_.]+", "-", args.name).lower()
        names = [one["name"] for one in entries]
        if wanted not in names:
            close = difflib.get_close_matches(wanted, names)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            print(
                f"explain: no distribution {args.name!r} is in the image.{hint} "
                "Without a name, all are listed.",
                file=sys.stderr,
            )
            return 1
        entries = [one for one in entries if one["name"] == wanted]
    if args.json:
        print(json.dumps(entries, indent=2))
        return 0
    lines = table(entries) if args.name is None else details(entries[0])
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
