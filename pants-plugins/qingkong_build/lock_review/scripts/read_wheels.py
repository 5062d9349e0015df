"""Print size and license of wheels as JSON, by file name. Standard library only.

python read_wheels.py WHEEL...
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from email.parser import BytesParser
from typing import Any

from read_distributions import license_of


def read(path: str) -> dict[str, Any]:
    """The bytes of a wheel, packed and unpacked, and its license."""
    with zipfile.ZipFile(path) as wheel:
        metadata = [
            name
            for name in wheel.namelist()
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1
        ]
        if len(metadata) != 1:
            raise SystemExit(
                f"read_wheels.py: {os.path.basename(path)}: METADATA={metadata}: a wheel has one. "
                "Fix: generate the lockfile again without this release"
            )
        return {
            "wheel_bytes": os.path.getsize(path),
            "unpacked_bytes": sum(entry.file_size for entry in wheel.infolist()),
            "license": license_of(BytesParser().parsebytes(wheel.read(metadata[0]))),
        }


def main(argv: list[str]) -> int:
    json.dump({os.path.basename(path): read(path) for path in argv}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
