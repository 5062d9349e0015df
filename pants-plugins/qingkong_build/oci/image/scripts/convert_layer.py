"""Compress or decompress one layer: convert_layer.py (gzip|decompress) INPUT OUTPUT.

The compressed bytes depend on the content and on the zlib of the interpreter alone.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys

_CHUNK = 1 << 20


def compress(source: str, target: str) -> None:
    """gzip without a name or a time in its header."""
    with open(source, "rb") as plain, open(target, "wb") as raw:
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
            shutil.copyfileobj(plain, packed, _CHUNK)


def decompress(source: str, target: str) -> None:
    """The tar inside, whatever compressed it."""
    with gzip.open(source, "rb") as packed, open(target, "wb") as plain:
        shutil.copyfileobj(packed, plain, _CHUNK)


def main(argv: list[str]) -> int:
    mode, source, target = argv
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    try:
        {"gzip": compress, "decompress": decompress}[mode](source, target)
    except (OSError, EOFError) as error:
        print(f"oci_image: the layer {source} is not what its name says: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
