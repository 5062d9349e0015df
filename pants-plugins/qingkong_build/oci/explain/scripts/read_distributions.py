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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from typing import Any


@dataclass(frozen=True)
class Distribution:
    """A distribution of a layer; `paths` are those of its files that the layer has, sorted."""

    metadata: Message
    paths: tuple[str, ...]


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


def distributions(
    sizes: Mapping[str, int], content: Callable[[str], bytes]
) -> Iterator[Distribution]:
    """Those of a layer whose files are `sizes`; `content` reads one of these.

    What has no RECORD, such as a package of the system's, is none: whose its files are is unknown.
    """
    for path in sizes:
        directory, base = posixpath.split(path)
        record = f"{directory}/RECORD"
        if base != "METADATA" or not directory.endswith(".dist-info") or record not in sizes:
            continue
        place = posixpath.dirname(directory)
        rows = csv.reader(io.StringIO(content(record).decode("utf-8", "replace")))
        paths = {posixpath.normpath(posixpath.join(place, row[0])) for row in rows if row}
        metadata = BytesParser().parsebytes(content(path))
        yield Distribution(metadata, tuple(sorted(paths & sizes.keys())))


def read(path: str) -> list[dict[str, Any]]:
    """The distributions of one layer."""
    with tarfile.open(path) as tar:
        sizes = {member.name: member.size for member in tar if not member.isdir()}

        def content(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        return [
            {
                "name": one.metadata["Name"],
                "version": one.metadata["Version"],
                "license": license_of(one.metadata),
                "files": len(one.paths),
                "bytes": sum(sizes[file] for file in one.paths),
            }
            for one in distributions(sizes, content)
        ]


def main(argv: list[str]) -> int:
    json.dump([one for path in argv for one in read(path)], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
