"""Sum JUnit reports: prints `N passed, N failed` alone on a line.

    python3 build-support/policy/junit_summary.py DIRECTORY

A skipped test counts as a failure, and is listed with its reason: CI runs all of them, whatever
a developer's machine may leave out. Exits 1 if a test failed or none ran. Standard library only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

# What a test case has that did not pass.
_BAD = ("failure", "error", "skipped")


def cases(directory: Path) -> Iterator[ElementTree.Element]:
    """The test cases of every report below `directory`."""
    for report in sorted(directory.rglob("*.xml")):
        yield from ElementTree.parse(report).getroot().iter("testcase")


def main(argv: list[str]) -> int:
    passed = failed = 0
    for case in cases(Path(argv[0])):
        skipped = case.find("skipped")
        if skipped is not None:
            name = f"{case.get('classname', '')}.{case.get('name', '')}"
            print(f"skipped, which CI may not: {name}: {skipped.get('message', 'no reason')}")
        if any(case.find(kind) is not None for kind in _BAD):
            failed += 1
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
