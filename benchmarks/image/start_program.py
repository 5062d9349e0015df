"""Measures how long containers of images take to start, until the first byte of an answer.

./pants run benchmarks/image:start -- fastapp:latest-py3.12
./pants run benchmarks/image:start -- --read-only --rounds 20 fastapp:latest-py3.12 other:1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from image.engine import EngineError, find_engine
from image.start import READ_ONLY, Server
from image.starts import imports_table, measure_starts, phases_table
from measuring.commands import CommandError


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks/image:start", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="in the container engine")
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--read-only", action="store_true", help="with a read-only root, and so on")
    options = parser.parse_args(argv)
    how = READ_ONLY if options.read_only else ()
    servers = {image: Server(image, options=how) for image in options.images}
    try:
        starts = measure_starts(
            find_engine(),
            servers,
            options.rounds,
            lambda number, name: print(f"round {number + 1}: {name}", flush=True),
            profiled=list(servers),
        )
    except (CommandError, EngineError) as error:
        print(f"benchmarks/image:start: {error}", file=sys.stderr)
        return 1
    print(f"\n{phases_table(starts)}\n\n{imports_table(starts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
