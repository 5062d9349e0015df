"""Print the distributions of layers as JSON: name, version, license, files and bytes. Stdlib only.

python read_distributions.py LAYER.tar...
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import sys
import tarfile
from email.message import Message
from email.parser import BytesParser
from typing import Any


def license_of(metadata: Message) -> str:
    """What the metadata says, newest way first; "unknown" if nothing."""
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = [
        str(value).rpartition(" :: ")[2]
        for value in metadata.get_all("Classifier") or ()
        if str(value).startswith("License ::")
    ]
    if classifiers:
        return ", ".join(classifiers)
    lines = str(metadata.get("License") or "").strip().splitlines()
    # Some put the whole text there: its first line is the name, as a rule.
    return lines[0].strip() if lines else "unknown"


def read(path: str) -> list[dict[str, Any]]:
    """The distributions of one layer."""
    found = []
    with tarfile.open(path) as tar:
        sizes = {member.name: member.size for member in tar if not member.isdir()}
        for name in sizes:
            directory, base = posixpath.split(name)
            if base != "METADATA" or not directory.endswith(".dist-info"):
                continue
            content = tar.extractfile(name)
            record = tar.extractfile(f"{directory}/RECORD")
            assert content is not None
            assert record is not None
            metadata = BytesParser().parsebytes(content.read())
            place = posixpath.dirname(directory)
            rows = csv.reader(io.StringIO(record.read().decode()))
            paths = {posixpath.normpath(posixpath.join(place, row[0])) for row in rows if row}
            files = sorted(paths & sizes.keys())
            found.append(
                {
                    "name": metadata["Name"],
                    "version": metadata["Version"],
                    "license": license_of(metadata),
                    "files": len(files),
                    "bytes": sum(sizes[file] for file in files),
                }
            )
    return found


def main(argv: list[str]) -> int:
    json.dump([one for path in argv for one in read(path)], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
