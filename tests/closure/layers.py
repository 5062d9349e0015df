"""Reading the distributions of the image's layers, with the standard library."""

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

from image.layout import own_layers

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages/"
_METADATA = re.compile(r"([^/]+\.dist-info)/METADATA")


@dataclass(frozen=True)
class Distribution:
    """A package of the index, or ours, as a layer has it.

    Attributes:
        layer: the name of the layer.
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
    """The site-packages of one layer: files by path."""

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


def read_layers() -> list[Layer]:
    """The layers of `deploy:oci` that hold distributions.

    AssertionError where one holds anything else too.
    """
    found = []
    for name, path in own_layers(Path("deploy/oci")).items():
        files = _files(name, path)
        inside = [member for member in files if member.startswith(SITE_PACKAGES)]
        if inside:
            assert len(inside) == len(files), f"{name} has {set(files) - set(inside)}"
            content = {member.removeprefix(SITE_PACKAGES): files[member] for member in inside}
            found.append(Layer(name, content))
    return found


def _files(name: str, path: Path) -> dict[str, bytes]:
    """Of a tar, packed or not; other entries than files and directories have no content."""
    files = {}
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isdir():
                continue
            file = tar.extractfile(member) if member.isfile() else None
            inside = member.name.startswith(SITE_PACKAGES)
            assert file is not None or not inside, f"{name} has {member.name}, which is no file"
            files[member.name] = file.read() if file is not None else b""
    return files
