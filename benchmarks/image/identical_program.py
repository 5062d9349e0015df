"""Measures what hard links between identical files would save in the layers of an image.

./pants package deploy:oci
./pants run benchmarks/image:identical -- dist/deploy/oci

Nothing is changed. Files are identical that have the same content, mode and owner, in one layer: a
link from one layer to another is no part of the format.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image.own_layers import own_layers


@dataclass
class Saved:
    """Files and bytes, with and without links.

    Attributes:
        files, identical: how many, and how many of them would be links.
        plain, plain_linked: bytes of the uncompressed layers.
        packed, packed_linked: bytes with gzip.
    """

    files: int = 0
    identical: int = 0
    plain: int = 0
    plain_linked: int = 0
    packed: int = 0
    packed_linked: int = 0

    def __str__(self) -> str:
        plain = 100 * (1 - self.plain_linked / self.plain) if self.plain else 0.0
        packed = 100 * (1 - self.packed_linked / self.packed) if self.packed else 0.0
        return (
            f"{self.identical} of {self.files} files are identical to one before\n"
            f"uncompressed: {self.plain} bytes, {self.plain_linked} linked ({plain:.2f}% less)\n"
            f"with gzip: {self.packed} bytes, {self.packed_linked} linked ({packed:.2f}% less)"
        )


def packed_size(layer: bytes) -> int:
    """Bytes of the layer as `oci_image` compresses it."""
    return len(gzip.compress(layer, 6, mtime=0))


def add_layer(saved: Saved, layer: bytes) -> None:
    """Count a layer."""
    first: dict[tuple[bytes, int, int, int], str] = {}
    output = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(layer)) as source,
        tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for entry in source:
            file = source.extractfile(entry) if entry.isreg() else None
            content = file.read() if file else b""
            if file is not None:
                saved.files += 1
                key = (hashlib.sha256(content).digest(), entry.mode, entry.uid, entry.gid)
                name = first.setdefault(key, entry.name)
                if content and name != entry.name:
                    saved.identical += 1
                    entry.type, entry.linkname, entry.size = tarfile.LNKTYPE, name, 0
            target.addfile(entry, io.BytesIO(content) if entry.isreg() else None)
    linked = output.getvalue()
    saved.plain += len(layer)
    saved.plain_linked += len(linked)
    saved.packed += packed_size(layer)
    saved.packed_linked += packed_size(linked)


def measure(layout: Path) -> Saved:
    """Count the layers above the base of the one image of a layout."""
    saved = Saved()
    for _, layer in own_layers(layout):
        add_layer(saved, layer)
    return saved


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks/image:identical", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("layout", type=Path, help="what an `oci_image` is packaged to")
    options = parser.parse_args(argv)
    try:
        print(measure(options.layout))
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        print(
            f"benchmarks/image:identical: layout={str(options.layout)!r}: {error!r}: it is no "
            "layout of an `oci_image` for one platform. Fix: name one, e.g. dist/deploy/oci after "
            "`./pants package deploy:oci`.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
