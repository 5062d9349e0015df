"""Reading the distributions of layer tars, with the standard library."""

from __future__ import annotations

import csv
import io
import re
import tarfile
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from packaging.utils import canonicalize_name

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages/"
_METADATA = re.compile(r"([^/]+\.dist-info)/METADATA")


@dataclass(frozen=True)
class Distribution:
    """A package of the index, or ours, as a layer has it.

    Attributes:
        layer: the name of the tar.
        metadata: its METADATA.
        recorded: the files that its RECORD lists, relative to site-packages.
    """

    layer: str
    metadata: Message
    recorded: frozenset[str]

    @property
    def name(self) -> str:
        """Normalised."""
        return canonicalize_name(self.metadata["Name"])

    @property
    def version(self) -> str:
        """As the metadata writes it."""
        return str(self.metadata["Version"])


@dataclass(frozen=True)
class Layer:
    """The site-packages of one tar: files by path."""

    name: str
    files: dict[str, bytes]

    def distributions(self) -> list[Distribution]:
        """Every one of them; twice the same project is two."""
        found = []
        for path, content in self.files.items():
            match = _METADATA.fullmatch(path)
            if match is None:
                continue
            record = self.files[f"{match[1]}/RECORD"].decode()
            found.append(
                Distribution(
                    self.name,
                    BytesParser().parsebytes(content),
                    frozenset(row[0] for row in csv.reader(io.StringIO(record)) if row),
                )
            )
        return found


def read_layer(path: Path) -> Layer:
    """Read a tar, packed or not. AssertionError for a file outside site-packages."""
    files = {}
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isdir():
                continue
            assert member.name.startswith(SITE_PACKAGES), f"{path.name} has {member.name}"
            file = tar.extractfile(member)
            assert file is not None, f"{path.name} has {member.name}, which is no file"
            files[member.name.removeprefix(SITE_PACKAGES)] = file.read()
    return Layer(path.name, files)
