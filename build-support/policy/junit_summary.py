"""Sum JUnit reports: prints `N passed, N failed` (and skipped, if any) alone on a line.

    python3 build-support/policy/junit_summary.py DIRECTORY

Exits 1 if a test failed or none ran. Standard library only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree


class Counts(NamedTuple):
    """Numbers of test cases."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count(directory: Path) -> Counts:
    """The sum over every report below `directory`; an error counts as a failure."""
    passed = failed = skipped = 0
    for report in sorted(directory.rglob("*.xml")):
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.find("skipped") is not None:
                skipped += 1
            else:
                passed += 1
    return Counts(passed, failed, skipped)


def main(argv: list[str]) -> int:
    counts = count(Path(argv[0]))
    print(counts)
    return 1 if counts.failed or not counts.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
