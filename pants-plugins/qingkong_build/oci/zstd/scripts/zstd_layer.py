"""Layers in zstd: `zstd_layer.py INPUT OUTPUT` compresses one, and other scripts read them.

The bytes depend on the content and on the release of `zstandard` alone. That is imported where it
is used: a sandbox in which no layer is in zstd has none.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from typing import Any, BinaryIO, cast

LEVEL = 9
_MAGIC = b"\x28\xb5\x2f\xfd"


def is_readable() -> bool:
    """Whether there is a `zstandard` to read layers with."""
    return importlib.util.find_spec("zstandard") is not None


def is_zstd(path: str) -> bool:
    """Whether a file begins as a frame of zstd does."""
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


class _Unpacked(io.RawIOBase):
    """What a file unpacks to. What is no zstd is an `OSError`, as gzip has it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._file = open(path, "rb")  # noqa: SIM115 # closed with this
        self._frames = zstandard.ZstdDecompressor().stream_reader(
            self._file, read_across_frames=True
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self._frames.readinto(buffer)
        except self._error as error:
            raise OSError(str(error)) from None

    def close(self) -> None:
        self._file.close()
        super().close()


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """The tar in a layer.

    A layer that is cut off ends early and in silence: compare with the diff ID.
    """
    return cast(BinaryIO, io.BufferedReader(_Unpacked(path)))


def compress(source: str, target: str) -> None:
    """Write a layer in zstd, on one thread: with more, their number would decide the bytes."""
    import zstandard

    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with open(source, "rb") as plain, open(target, "wb") as packed:
        compressor.copy_stream(plain, packed, size=os.path.getsize(source))


def main(argv: list[str]) -> int:
    source, target = argv
    compress(source, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
