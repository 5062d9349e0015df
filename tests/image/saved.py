"""An image as it is shipped: its configuration and the archives of its layers."""

from __future__ import annotations

import json
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from docker.models.images import Image


@dataclass(frozen=True)
class Entry:
    """One entry of a layer's archive.

    Attributes:
        path: without a slash at its start.
        info: type, mode, owner and time.
        content: bytes of a file; None for what is not a file, and in layers of the base.
    """

    path: str
    info: tarfile.TarInfo
    content: bytes | None


@dataclass(frozen=True)
class Layer:
    """The entries of a layer, in order, by path."""

    entries: dict[str, Entry]

    @property
    def files(self) -> dict[str, bytes]:
        """Contents of its files by path."""
        return {x.path: x.content for x in self.entries.values() if x.content is not None}


@dataclass(frozen=True)
class SavedImage:
    """An image.

    Attributes:
        config: its configuration, as it is in the archive, with the history.
        base: the layers that it was made on.
        ours: the layers on top of these that hold something.
    """

    config: dict[str, Any]
    base: list[Layer]
    ours: list[Layer]

    @property
    def base_entries(self) -> dict[str, Entry]:
        """What is in the base at each path (the last of its layers that has it)."""
        return {path: x for layer in self.base for path, x in layer.entries.items()}

    @property
    def own_entries(self) -> list[Entry]:
        """What our layers hold, apart from folders that are just as they are in the base."""
        below = self.base_entries
        return [
            entry
            for layer in self.ours
            for entry in layer.entries.values()
            if not (entry.info.isdir() and entry.path in below)
        ]


def save(image: Image, base_layers: int) -> SavedImage:
    """Have the engine write the image out, and read it.

    Args:
        image: the image.
        base_layers: how many layers it has of its base.
    """
    with tempfile.TemporaryFile() as file:
        for chunk in image.save():
            file.write(chunk)
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:") as archive:
            (manifest,) = json.loads(_member(archive, "manifest.json").read())
            config = json.loads(_member(archive, manifest["Config"]).read())
            layers = [
                _read_layer(_member(archive, name), contents=index >= base_layers)
                for index, name in enumerate(manifest["Layers"])
            ]
    ours = [layer for layer in layers[base_layers:] if layer.entries]
    return SavedImage(config, layers[:base_layers], ours)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.extractfile(name)
    assert member is not None, f"{name} is no file"
    return member


def _read_layer(file: IO[bytes], *, contents: bool) -> Layer:
    entries = {}
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for info in archive:
            path = str(Path(info.name))
            content = _member_content(archive, info) if contents and info.isreg() else None
            entries[path] = Entry(path, info, content)
    return Layer(entries)


def _member_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    assert file is not None
    return file.read()
