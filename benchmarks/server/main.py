"""Measure, and write docs/benchmarks/server.md: `make bench-server`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from measuring.environment import environment
from measuring.rounds import Measurements
from server import measures, report
from server.processes import MeasurementError
from server.project import Project, unpack

PAGE = Path("docs/benchmarks/server.md")


def main(arguments: list[str] | None = None) -> int:
    """The program; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--product", type=Path, required=True, help="the PEX of the framework")
    parser.add_argument("--quick", action="store_true", help="little of all: to see that it works")
    parser.add_argument("--rounds", type=int, help=f"default: {measures.FULL.rounds}")
    parser.add_argument("--page", type=Path, default=PAGE, help="default: %(default)s")
    parser.add_argument("--record", type=Path, help="keep all values in this folder, as JSON")
    options = parser.parse_args(arguments)
    if not options.page.is_file():
        parser.error(f"--page: there is no {options.page}; run this at the root of the repository")
    record = environment()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
            size = measures.QUICK if options.quick else measures.FULL
            size = replace(size, rounds=options.rounds or size.rounds)
            found = measure(options.product.resolve(), Path(folder), size)
    except MeasurementError as exc:
        print(f"bench-server: {exc}", file=sys.stderr)
        return 1
    if options.record is not None:
        options.record.mkdir(parents=True, exist_ok=True)
        for name, values in found.items():
            values.save(options.record / f"{name}.json")
    report.write(options.page, found, record)
    for row in report.reach(found):
        print(" | ".join(row))
    return 0


def measure(product: Path, folder: Path, size: measures.Size) -> Mapping[str, Measurements]:
    """Everything, by name.

    Raises:
        MeasurementError: something cannot be measured.
    """
    python = unpack(product, folder / "environment")
    project = Project.make(folder / "project", python, 1)
    found = {"commands": measures.commands(project, size, _say("commands"))}
    found["services"] = measures.services(project, size, _say("services"))
    found["proxies"], found["paced"] = measures.proxies(project, size, _say("proxies"))
    found["memory"] = measures.memory(project, size)
    found["starts"] = measures.starts(folder, python, size, _say("starts"))
    return found


class _say:  # noqa: N801 - used as a function
    """Tells how far it is, once for each round."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._round: int | None = None

    def __call__(self, number: int, _variant: str) -> None:
        if number != self._round:
            self._round = number
            print(f"{self._what}: round {number + 1}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
