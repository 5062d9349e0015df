"""Measures what a change costs with 10, 100 and 1,000 apps, and writes docs/benchmarks/scale.md.

./pants run benchmarks/scale:scale                                   # all of it, for the page
./pants run benchmarks/scale:scale -- --apps 2 --rounds 1 --out DIR  # to see that it works
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measuring.commands import CommandError
from measuring.environment import environment
from scale import report
from scale.measure import measure

_APPS = (10, 100, 1000)
_ROUNDS = 3


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks/scale", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--apps", type=int, nargs="+", default=_APPS, help=f"default: {_APPS}")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"default: {_ROUNDS}")
    options = parser.parse_args(argv)
    # One app is edited that is not the first.
    if min(options.apps) < 2 or options.rounds < 1:
        parser.error("--apps takes numbers from 2, --rounds one from 1")
    record = environment()
    began = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    try:
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            sizes = [
                measure(Path.cwd(), Path(folder), apps, options.rounds, progress)
                for apps in sorted(set(options.apps))
            ]
    except CommandError as error:
        print(f"benchmarks/scale: {error}", file=sys.stderr)
        return 1
    record["duration"] = f"{(time.monotonic() - began) / 60:.0f} minutes"
    report.write(options.out, sizes, record)
    print(report.table(sizes))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
