"""Say what layers have, or put directories into one.

    read_layers.py layer FILE                    what an uncompressed layer has, in JSON
    read_layers.py base FILE...                  what a base of these compressed layers has
    read_layers.py restate FILE OUTPUT JSON      the layer, with these directories in front of it

Standard library only, and `zstandard` where a layer is in zstd.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import tarfile
import zlib
from contextlib import ExitStack
from typing import BinaryIO, cast

import zstd_layer

from qingkong_build.oci.image.layer_tree import LayerTree, directory_entries, read_base, read_layer

_CHUNK = 1 << 20


def of_layer(path: str) -> LayerTree:
    with open(path, "rb") as file:
        return read_layer(file)


def of_base(paths: list[str]) -> LayerTree:
    with ExitStack() as stack:
        return read_base(stack.enter_context(_opened(path)) for path in paths)


def _opened(path: str) -> BinaryIO:
    is_zstd = zstd_layer.is_zstd(path)
    return zstd_layer.opened(path) if is_zstd else cast(BinaryIO, gzip.open(path))


def restate(source: str, target: str, directories: str) -> None:
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    with open(directories, encoding="utf-8") as file:
        entries = directory_entries(json.load(file))
    with open(source, "rb") as layer, open(target, "wb") as output:
        output.write(entries)
        shutil.copyfileobj(layer, output, _CHUNK)


def main(argv: list[str]) -> int:
    mode, *paths = argv
    try:
        if mode == "restate":
            source, target, directories = paths
            restate(source, target, directories)
        else:
            tree = of_base(paths) if mode == "base" else of_layer(paths[0])
            json.dump(tree.to_json(), sys.stdout, sort_keys=True)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        print(f"oci_image: a layer cannot be read: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
