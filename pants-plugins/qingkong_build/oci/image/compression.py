"""Compressing a small layer in memory.

Starting Python in a sandbox takes longer than compressing what a change of one line moves.
"""

from __future__ import annotations

import gzip
import io

#: Bytes of a layer up to which it is done here, and not in a process that is cached.
LARGEST_LAYER = 4 << 20


def compressed(layer: bytes) -> bytes:
    """What `scripts/convert_layer.py gzip` makes of a layer."""
    file = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
        packed.write(layer)
    return file.getvalue()
