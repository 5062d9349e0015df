"""Compares ways to build the image, and writes docs/benchmarks/image.md.

./pants run benchmarks/image:image                       # all of it, for the page
./pants run benchmarks/image:image -- --quick --out DIR  # to see that it works: ours alone
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from image import report
from image.engine import EngineError
from image.measure import Plan, measure
from image.setup import ARCHIVE, RECIPES, prepared
from measuring.commands import CommandError
from measuring.environment import environment

FULL = Plan(rounds=7, requirement_rounds=3, cold_rounds=2)
QUICK = Plan(rounds=1, requirement_rounds=1, cold_rounds=0, warmups=0)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks/image", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--rounds", type=int, help=f"default: {FULL.rounds}, or 1 with --quick")
    parser.add_argument("--requirement-rounds", type=int, help="changes of one requirement")
    parser.add_argument("--cold-rounds", type=int, help="builds from nothing; the digest needs 2")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, help="default: all")
    parser.add_argument("--quick", action="store_true", help="ours alone; never for the page")
    options = parser.parse_args(argv)
    if options.quick and options.out == parser.get_default("out"):
        parser.error("--quick needs --out DIRECTORY: its figures are not for the page")
    default = QUICK if options.quick else FULL
    plan = default.replaced(options.rounds, options.requirement_rounds, options.cold_rounds)
    names = options.recipes or ([ARCHIVE] if options.quick else list(RECIPES))
    record = environment()
    began = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    try:
        with (
            tempfile.TemporaryDirectory(prefix="image-") as folder,
            prepared(
                Path.cwd(),
                Path(folder),
                names,
                secrets.token_hex(4),
                progress,
                shared=options.quick,
            ) as setup,
        ):
            results = measure(setup, plan, progress)
            record.update(setup.versions)
    except (CommandError, EngineError) as error:
        print(f"benchmarks/image: {error}", file=sys.stderr)
        return 1
    record["duration"] = f"{(time.monotonic() - began) / 60:.0f} minutes"
    report.write(options.out, results, record)
    print(report.table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
