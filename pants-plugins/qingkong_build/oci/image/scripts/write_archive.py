"""Pack an OCI layout into one archive: write_archive.py LIST OUTPUT ELSEWHERE.

LIST has the path of each file, a line each, in order; what is not there is below ELSEWHERE. The
archive is the same for the same files. Standard library only.
"""

from __future__ import annotations

import os
import sys
import tarfile

# As in layers: later than zero, which some tools take for "unknown".
EPOCH = 315532800
_CHUNK = 1 << 24


def copy(source: str, output: int, size: int) -> None:
    """Append a file, inside the kernel where that is possible."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        left = size
        while left:
            try:
                done = os.copy_file_range(descriptor, output, min(left, _CHUNK))
            except (AttributeError, OSError):
                done = os.write(output, os.read(descriptor, min(left, _CHUNK)))
            if not done:
                raise OSError(f"{source} ended {left} bytes early")
            left -= done
    finally:
        os.close(descriptor)


def main(argv: list[str]) -> int:
    listing, target, elsewhere = argv
    with open(listing, encoding="utf-8") as file:
        names = file.read().splitlines()
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    output = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        for name in names:
            source = name if os.path.exists(name) else os.path.join(elsewhere, name)
            info = tarfile.TarInfo(name)
            info.size = os.stat(source).st_size
            info.mtime = EPOCH
            os.write(output, info.tobuf(tarfile.USTAR_FORMAT))
            copy(source, output, info.size)
            os.write(output, bytes(-info.size % tarfile.BLOCKSIZE))
        os.write(output, bytes(2 * tarfile.BLOCKSIZE))
    finally:
        os.close(output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
