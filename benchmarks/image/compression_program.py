"""Measures what zstd saves in the layers of an image beside gzip: bytes, and time both ways.

./pants package deploy:oci
./pants run benchmarks/image:compression -- dist/deploy/oci

Each layer above the base is compressed and unpacked by both as `oci_image` does it, on one
processor. Times are medians, in seconds.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import convert_layer
import zstd_layer

from image.own_layers import own_layers

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Packed:
    """A layer in one form: its bytes, and the seconds to write it and to read it."""

    size: int
    writing: float
    reading: float


@dataclass(frozen=True)
class Measured:
    """A layer in both forms; `plain` are the bytes of the tar."""

    name: str
    plain: int
    gzip: Packed
    zstd: Packed

    def row(self) -> str:
        first, second = self.gzip, self.zstd
        numbers = (
            *(f"{self.plain}", f"{first.size}", f"{second.size}"),
            *(f"{100 * (1 - second.size / first.size):.1f}%",),
            *(f"{each:.3f}" for each in (first.writing, second.writing)),
            *(f"{each:.3f}" for each in (first.reading, second.reading)),
        )
        return f"| {self.name} | {' | '.join(numbers)} |"


def seconds(runs: int, action: Callable[[], object]) -> float:
    """The median of several runs."""
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def measure_form(
    source: Path,
    runs: int,
    write: Callable[[str, str], None],
    read: Callable[[str], BinaryIO | gzip.GzipFile],
) -> Packed:
    target = source.with_name("packed")

    def unpack() -> None:
        with read(str(target)) as file:
            while file.read(_CHUNK):
                pass

    writing = seconds(runs, lambda: write(str(source), str(target)))
    return Packed(target.stat().st_size, writing, seconds(runs, unpack))


def measure_layer(name: str, layer: bytes, runs: int) -> Measured:
    """Compress and unpack a tar in both ways."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "layer")
        source.write_bytes(layer)
        return Measured(
            name,
            len(layer),
            measure_form(source, runs, convert_layer.compress, gzip.open),
            measure_form(source, runs, zstd_layer.compress, zstd_layer.opened),
        )


def measure(layout: Path, runs: int) -> list[Measured]:
    """The layers above the base of the one image of a layout, which have gzip."""
    return [measure_layer(name, layer, runs) for name, layer in own_layers(layout)]


def total(rows: Sequence[Measured]) -> Measured:
    def summed(forms: Sequence[Packed]) -> Packed:
        return Packed(
            sum(each.size for each in forms),
            sum(each.writing for each in forms),
            sum(each.reading for each in forms),
        )

    return Measured(
        "all",
        sum(row.plain for row in rows),
        summed([row.gzip for row in rows]),
        summed([row.zstd for row in rows]),
    )


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks/image:compression", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("layout", type=Path, help="what an `oci_image` is packaged to")
    parser.add_argument("--runs", type=int, default=7, help="runs of each (default: 7)")
    options = parser.parse_args(argv)
    try:
        rows = measure(options.layout, options.runs)
    except (OSError, KeyError, ValueError) as error:
        print(
            f"benchmarks/image:compression: layout={str(options.layout)!r}: {error!r}: it is no "
            "layout of an `oci_image` with gzip for one platform. Fix: name one, e.g. "
            "dist/deploy/oci after `./pants package deploy:oci`.",
            file=sys.stderr,
        )
        return 1
    print(
        "| layer | tar | gzip | zstd | less | gzip, s | zstd, s | gunzip, s | unzstd, s |\n"
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |"
    )
    for row in (*rows, total(rows)):
        print(row.row())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
