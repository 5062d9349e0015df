"""What is in an image: layer by layer, and as a container sees it. Standard library only."""

from __future__ import annotations

import posixpath
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

from oci_layout import Descriptor, ImageManifest, Layout, LayoutError
from whole_image import layers_of, unpacked_blocks

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
# Whose layers an image consists of: the first so many are those of its base.
BASE_LAYERS = "io.qingkong.image.base-layers"
# As many links as Linux follows.
_MOST_LINKS = 40


@dataclass(frozen=True)
class Entry:
    """One entry of a layer.

    Attributes:
        path: without a slash at its start, links on the way to it followed.
        info: as the archive has it.
        layer: number of its layer, from 0 for the lowest.
    """

    path: str
    info: tarfile.TarInfo
    layer: int
    _archive: IO[bytes]

    @property
    def mode(self) -> int:
        """Rights alone, without the type of file that some archives have in it too."""
        return self.info.mode & 0o7777

    @property
    def kind(self) -> str:
        """`file`, `directory`, `symlink`, `hardlink`, or `special`."""
        for kind, found in (
            ("file", self.info.isreg()),
            ("directory", self.info.isdir()),
            ("symlink", self.info.issym()),
            ("hardlink", self.info.islnk()),
        ):
            if found:
                return kind
        return "special"

    def read(self) -> bytes:
        """The content of a file; nothing of what is none."""
        if not self.info.isreg():
            return b""
        self._archive.seek(self.info.offset_data)
        return self._archive.read(self.info.size)


@dataclass(frozen=True)
class Layer:
    """A layer.

    Attributes:
        descriptor: as the manifest has it.
        entries: as the archive has them, whiteouts too.
        added: whether it is ours, and not one of the base.
    """

    descriptor: Descriptor
    entries: tuple[Entry, ...]
    added: bool


class ImageView:
    """An image.

    Attributes:
        manifest: the image's manifest with its configuration.
        layers: its layers, lowest first.
        files: what a container sees, by path.
    """

    def __init__(self, manifest: ImageManifest, layers: tuple[Layer, ...]) -> None:
        self.manifest = manifest
        self.layers = layers
        self.files = _squash(layers)

    @property
    def platform(self) -> str:
        return self.manifest.platform

    @property
    def settings(self) -> dict[str, Any]:
        """What a container is started with: `User`, `Cmd`, `Env`, `Labels` and so on."""
        found = self.manifest.config.get("config")
        return found if isinstance(found, dict) else {}

    @cached_property
    def environment(self) -> dict[str, str]:
        pairs = (str(item).partition("=") for item in self.settings.get("Env") or ())
        return {name: value for name, _, value in pairs}

    @cached_property
    def added(self) -> tuple[Entry, ...]:
        """What our layers bring: a later layer hides nothing of it, it is shipped all the same.

        A directory that repeats one of the base, rights and owner too, is not ours.
        """
        below = _squash(tuple(layer for layer in self.layers if not layer.added))
        return tuple(
            entry
            for layer in self.layers
            if layer.added
            for entry in layer.entries
            if not _is_whiteout(entry.path) and not _same_directory(entry, below.get(entry.path))
        )

    def resolve(self, path: str) -> Entry | None:
        """What is at an absolute or relative path, links followed; None where nothing is."""
        for _ in range(_MOST_LINKS):
            path = _follow_parents(path, self.files)
            entry = self.files.get(path)
            if entry is None or entry.kind not in {"symlink", "hardlink"}:
                return entry
            path = (
                _target(path, entry.info.linkname)
                if entry.kind == "symlink"
                else _normal(entry.info.linkname)
            )
        return None

    def below(self, path: str) -> Iterator[Entry]:
        """Everything below a directory, itself left out."""
        start = f"{_normal(path)}/"
        return (entry for name, entry in self.files.items() if name.startswith(start))


def read_image(layout: Layout, manifest: ImageManifest, base_layers: int | None) -> ImageView:
    """Read the layers of an image.

    Args:
        layout: where its blobs are.
        manifest: which image.
        base_layers: how many layers are those of its base; None where the manifest's annotation
            says it.
    """
    count = _base_layers(manifest, base_layers)
    layers: list[Layer] = []
    for number, (descriptor, diff_id) in enumerate(layers_of(manifest)):
        archive = _unpacked(layout, descriptor, diff_id)
        entries = tuple(_entries(archive, number))
        layers.append(Layer(descriptor, entries, added=number >= count))
    return ImageView(manifest, tuple(layers))


def _base_layers(manifest: ImageManifest, given: int | None) -> int:
    total = len(manifest.manifest["layers"])
    annotation = (manifest.manifest.get("annotations") or {}).get(BASE_LAYERS)
    if given is None and annotation is None:
        raise LayoutError(
            f"image {manifest.digest} does not say which of its {total} layers are those of its "
            f"base: give the manifest the annotation {BASE_LAYERS!r}, or say it in the "
            "'base_layers' field."
        )
    value = str(given if given is not None else annotation)
    if not value.isdigit() or int(value) > total:
        raise LayoutError(
            f"image {manifest.digest} has {total} layers, of which {value!r} are to be those of "
            f"its base. Write a number from 0 to {total}."
        )
    return int(value)


def _unpacked(layout: Layout, descriptor: Descriptor, diff_id: str) -> IO[bytes]:
    """The layer's archive without compression, in a file that goes when it is closed."""
    archive: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 # entries read from it later
    archive.writelines(unpacked_blocks(layout, descriptor, diff_id))
    archive.seek(0)
    return archive


def _entries(archive: IO[bytes], layer: int) -> Iterator[Entry]:
    with tarfile.open(fileobj=archive, mode="r:") as tar:
        for info in tar:
            path = _normal(info.name)
            if path:
                yield Entry(path, info, layer, archive)


def _squash(layers: Iterable[Layer]) -> dict[str, Entry]:
    files: dict[str, Entry] = {}
    for layer in layers:
        # Whiteouts first: they take away what is below, and nothing of their own layer.
        for entry in layer.entries:
            directory, name = posixpath.split(entry.path)
            directory = _follow_parents(f"{directory}/x", files)[:-2]
            if name == OPAQUE:
                _remove_below(files, directory)
            elif name.startswith(WHITEOUT):
                gone = posixpath.join(directory, name.removeprefix(WHITEOUT))
                files.pop(gone, None)
                _remove_below(files, gone)
        for entry in layer.entries:
            if _is_whiteout(entry.path):
                continue
            path = _follow_parents(entry.path, files)
            if entry.kind != "directory" and files.get(path, entry).kind == "directory":
                _remove_below(files, path)
            moved = entry if path == entry.path else _at(entry, path)
            files[path] = moved
    return files


def _at(entry: Entry, path: str) -> Entry:
    return Entry(path, entry.info, entry.layer, entry._archive)


def _remove_below(files: dict[str, Entry], directory: str) -> None:
    start = f"{directory}/" if directory else ""
    for path in [path for path in files if path.startswith(start)]:
        del files[path]


def _is_whiteout(path: str) -> bool:
    return posixpath.basename(path).startswith(WHITEOUT)


def _same_directory(entry: Entry, other: Entry | None) -> bool:
    return (
        other is not None
        and entry.kind == other.kind == "directory"
        and (entry.mode, entry.info.uid, entry.info.gid)
        == (other.mode, other.info.uid, other.info.gid)
    )


def _normal(path: str) -> str:
    """Without `.`, `..` and slashes at its ends; what leads out of the root stays at the root."""
    return posixpath.normpath(f"/{path}").strip("/")


def _target(path: str, link: str) -> str:
    return _normal(posixpath.join("/", posixpath.dirname(path), link))


def _follow_parents(path: str, files: Mapping[str, Entry]) -> str:
    """`path` with the links among its directories followed: `/bin/sh` is `usr/bin/sh`."""
    parts = _normal(path).split("/")
    for _ in range(_MOST_LINKS):
        for count in range(1, len(parts)):
            entry = files.get("/".join(parts[:count]))
            if entry is not None and entry.kind == "symlink":
                start = _target(entry.path, entry.info.linkname)
                parts = [*filter(None, start.split("/")), *parts[count:]]
                break
        else:
            break
    return "/".join(parts)
