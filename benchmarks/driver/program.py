"""Compares MySQL drivers against a MariaDB that it starts, and writes docs/benchmarks/driver.md.

./pants run benchmarks/driver:driver                        # all of it, for the page
./pants run benchmarks/driver:driver -- --quick --out DIR   # to see that it works
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from integration.mariadb import MariaDBError

from driver import report
from driver.recording import record_profile
from driver.server import serving
from driver.timing import Size
from driver.variants import ATTEMPTS, RECORDING, VARIANTS, Process, Variant, VariantError
from measuring.environment import environment
from measuring.rounds import Measurements, interleaved

FULL = Size(rows=100_000, points=3_000, inserts=10_000, pooled=60)
QUICK = Size(rows=500, points=20, inserts=50, pooled=1)
WORKLOADS: tuple[str, ...] = ("scan", "point", "insert", "pool")
# The page, from where Pants was started.
PAGE = Path("docs/benchmarks/driver.md")
# What `asyncmy-profile-guided` is compiled by.
PROFILE = Path("3rdparty/asyncmy/patches/profile-data.patch")
# A new process of one variant.
Start = Callable[[], Process]


def turn(start: Start, workloads: Sequence[str], size: Size) -> dict[str, float]:
    """One turn of one variant, in a new process: what each workload took."""
    taken = {}
    with start() as process:
        process.variant.check(process.ask("identify"))
        for workload in workloads:
            # The first one of a process pays for what is loaded late.
            process.ask(workload, warm_up(size))
            for kind, seconds in process.ask(workload, size).items():
                taken[f"{workload} {kind}"] = float(seconds)
    return taken


def warm_up(size: Size) -> Size:
    """The same without most of the work; a scan reads all rows whatever it is told."""
    return size._replace(points=20, inserts=20, pooled=1)


def compare(
    variants: Sequence[Variant],
    pexes: Path,
    workloads: Sequence[str],
    size: Size,
    rounds: int,
) -> tuple[Measurements, dict[str, str]]:
    """Measure, and return with it the versions of server and drivers.

    Raises:
        VariantError: a variant is not what it should be, or gives other rows than the first.
        MariaDBError: the server cannot be had.
    """
    began = time.monotonic()

    def progress(number: int, name: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  round {number + 1}/{rounds}  {name}", flush=True)

    with (
        tempfile.TemporaryDirectory(prefix="pex") as cache,
        serving(size.rows) as (server, version),
    ):
        starts: dict[str, Start] = {
            variant.name: functools.partial(
                Process, variant, pexes / f"{variant.name}.pex", server, Path(cache)
            )
            for variant in variants
        }
        versions = {"server": f"MariaDB {version}", "drivers": same_answers(starts, size)}
        results = interleaved(
            {
                name: functools.partial(turn, start, workloads, size)
                for name, start in starts.items()
            },
            rounds,
            warmups=0,
            progress=progress,
        )
    return results, versions


def same_answers(starts: Mapping[str, Start], size: Size) -> str:
    """Refuse variants that give other rows than the first, or that are the same library.

    Returns the names and versions of those that do not say it in their names.
    """
    answers: dict[str, str] = {}
    versions = []
    libraries: dict[str, str] = {}
    for name, start in starts.items():
        with start() as process:
            answers[name] = process.ask("digest", size)
            identity = process.ask("identify")
        process.variant.check(identity)
        if process.variant.version is None:
            versions.append(f"{name} {identity['version']}")
        content = repr(sorted(identity["libraries"].items()))
        if identity["libraries"] and content in libraries:
            raise VariantError(
                f"{name} and {libraries[content]} are the same, file by file: there is nothing to "
                "compare. Look at their flags and patches."
            )
        libraries[content] = name
    first = next(iter(answers))
    for name, answer in answers.items():
        if answer != answers[first]:
            raise VariantError(f"{name} gives other rows than {first}: they cannot be compared")
    return ", ".join([f"asyncmy {VARIANTS[0].version}", *versions])


def record(pexes: Path, size: Size) -> list[str]:
    """Record a profile of the instrumented build; return the names of the modules it is of."""
    with (
        tempfile.TemporaryDirectory(prefix="pex") as cache,
        serving(size.rows) as (server, _),
    ):
        pex = pexes / f"{RECORDING.name}.pex"
        start = functools.partial(Process, RECORDING, pex, server, Path(cache))
        return record_profile(start, size, PROFILE)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks/driver", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--variants", type=Path, required=True, help="where the PEXes are")
    parser.add_argument("--out", type=Path, default=PAGE.parent)
    parser.add_argument("--rounds", type=int, help="default: 20, or 2 with --quick")
    parser.add_argument("--quick", action="store_true", help="small sizes; never for the page")
    parser.add_argument("--attempts", action="store_true", help="what else was tried, scans only")
    parser.add_argument("--record-profile", action="store_true", help=f"write {PROFILE} again")
    options = parser.parse_args(argv)
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds={options.rounds}: there must be at least 1")
    if options.quick and options.out == parser.get_default("out"):
        parser.error("--quick needs --out DIRECTORY: its figures are not for the page")
    if not (options.out / PAGE.name).exists():
        if not PAGE.exists():
            parser.error(f"--out={options.out} has no {PAGE.name}, of which a section is written")
        options.out.mkdir(parents=True, exist_ok=True)
        shutil.copy(PAGE, options.out)
    size = QUICK if options.quick else FULL
    rounds = options.rounds or (2 if options.quick else 20)
    variants, workloads, section = VARIANTS, WORKLOADS, "results"
    if options.attempts:
        variants, workloads, section = ATTEMPTS, ("scan", "point"), "attempts"
    if options.record_profile:
        print(f"recorded {', '.join(record(options.variants, size))} into {PROFILE}")
        return 0
    # Before the work, not after it.
    where = environment()
    try:
        results, versions = compare(variants, options.variants, workloads, size, rounds)
    except (VariantError, MariaDBError) as error:
        print(f"benchmarks/driver: {error}", file=sys.stderr)
        return 1
    report.write(options.out, section, results, workloads, size, where | versions)
    print(f"wrote {options.out}/driver.md, section {section!r}")
    for workload in workloads:
        print(f"\n{report.headings(size)[workload]}\n{report.table(results, workload)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
