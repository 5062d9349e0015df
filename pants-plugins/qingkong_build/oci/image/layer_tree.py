"""What layers say of paths, and what an image has to say again. Standard library only.

A layer that has `tmp/x` has to have `tmp` too. Without it, an engine whose layers are directories
(Docker's overlay2) makes one that hides what the base says of `/tmp`; with it, the mode and the
owner have to be those of the layers below. A layer's maker does not know these. The image does.
"""

from __future__ import annotations

import csv
import hashlib
import io
import posixpath
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

# 1980-01-01, as in all layers.
EPOCH = 315532800
#: Of a directory of which nothing is said.
DEFAULT = "0:0 0755"
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_RECORD = re.compile(r"((?:.+/)?)([^/]+)\.dist-info/RECORD")
_CHUNK = 1 << 20


class LayersDisagreeError(Exception):
    """Two layers of an image say different things of one path."""


@dataclass
class LayerTree:
    """What a layer has. Paths are without a slash at their start.

    Attributes:
        directories: owner and mode, as `UID:GID MODE`.
        links: where symbolic links lead.
        files: content, owner and mode, in one text.
        owners: the distributions whose RECORDs name files.
        removed: what whiteouts hide of the layers below; `path/` hides what is below it only.
    """

    directories: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def paths(self) -> Iterator[str]:
        yield from self.directories
        yield from self.links
        yield from self.files


def read_layer(archive: BinaryIO) -> LayerTree:
    """What the layer in an uncompressed archive, read as a stream, has."""
    tree = LayerTree()
    with tarfile.open(fileobj=archive, mode="r|") as tar:
        for info in tar:
            path = posixpath.normpath(f"/{info.name}").lstrip("/")
            directory, name = posixpath.split(path)
            if name == _OPAQUE:
                tree.removed.append(f"{directory}/")
            elif name.startswith(_WHITEOUT):
                tree.removed.append(posixpath.join(directory, name[len(_WHITEOUT) :]))
            elif path and info.isdir():
                tree.directories[path] = f"{info.uid}:{info.gid} {info.mode & 0o7777:04o}"
            elif info.issym():
                tree.links[path] = info.linkname
            elif path:
                _read_file(tree, tar, info, path)
    return tree


def _read_file(tree: LayerTree, tar: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> None:
    digest, record = hashlib.sha256(info.linkname.encode()), bytearray()
    is_record = _RECORD.fullmatch(path)
    file = tar.extractfile(info) if info.isreg() else None
    while file is not None and (block := file.read(_CHUNK)):
        digest.update(block)
        if is_record:
            record += block
    owner = f"{info.uid}:{info.gid} {info.mode & 0o7777:04o}"
    tree.files[path] = f"{digest.hexdigest()} {owner}"
    if is_record:
        for row in csv.reader(io.StringIO(record.decode("utf-8", "replace"))):
            if row:
                owned = posixpath.normpath(posixpath.join("/", is_record[1], row[0])).lstrip("/")
                tree.owners[owned] = is_record[2]


def read_base(archives: Iterable[BinaryIO]) -> LayerTree:
    """What is to be known of a base, from its uncompressed layers, lowest first."""
    return merged_base(read_layer(archive) for archive in archives)


def merged_base(layers: Iterable[LayerTree]) -> LayerTree:
    """Of the layers of a base, lowest first: links, and directories that are not as by default."""
    view = LayerTree()
    for layer in layers:
        cover(view, layer)
    special = {path: said for path, said in view.directories.items() if said != DEFAULT}
    return LayerTree(directories=special, links=view.links)


def cover(view: LayerTree, layer: LayerTree) -> None:
    """Put the directories and links of a layer over those of the layers below, `view`."""
    for gone in layer.removed:
        for known in (view.directories, view.links):
            below = f"{gone.rstrip('/')}/"
            for path in [p for p in known if p == gone or p.startswith(below)]:
                del known[path]
    for path in (*layer.files, *layer.links):
        view.directories.pop(path, None)
    for path in (*layer.files, *layer.directories):
        view.links.pop(path, None)
    view.directories.update(layer.directories)
    view.links.update(layer.links)


def parents(path: str) -> Iterator[str]:
    """The directories above a path, the nearest first."""
    while path := posixpath.dirname(path):
        yield path


def restated(
    image: str, base: LayerTree, layers: Sequence[tuple[str, LayerTree]]
) -> list[dict[str, str]]:
    """For each layer, the directories that it has to have besides, and what it says of them.

    Args:
        image: the target, for errors.
        base: as `read_base` has it.
        layers: name and content of each, lowest first.

    Raises:
        LayersDisagreeError: two of them say different things of one path.
    """
    check_agreement(image, layers)
    view = LayerTree(dict(base.directories), dict(base.links))
    result = []
    for name, layer in layers:
        needed: dict[str, str] = {}
        for path in layer.paths:
            for parent in parents(path):
                if parent in needed:
                    break
                if parent in view.links and parent not in layer.directories:
                    link = view.links[parent]
                    target = posixpath.join(posixpath.dirname(f"/{parent}"), link)
                    place = posixpath.normpath(target + f"/{path}"[len(parent) + 1 :])
                    raise LayersDisagreeError(
                        f"assembling {image}: path='/{path}' of layer {name}: /{parent} is a link "
                        f"to {link} in the layers below, which a directory would take the place "
                        f"of. Fix: use the path {place!r}."
                    )
                if parent not in layer.directories:
                    needed[parent] = view.directories.get(parent, DEFAULT)
        cover(view, layer)
        result.append(dict(sorted(needed.items())))
    return result


def check_agreement(image: str, layers: Sequence[tuple[str, LayerTree]]) -> None:
    """Refuse layers that say different things of one path. Raises `LayersDisagreeError`."""
    declared: dict[str, tuple[str, str]] = {}
    files: dict[str, tuple[str, LayerTree]] = {}
    for name, layer in layers:
        for path, said in layer.directories.items():
            other, before = declared.setdefault(path, (name, said))
            if before != said:
                raise LayersDisagreeError(
                    f"assembling {image}: directory='/{path}': layer {other} says {before!r} and "
                    f"layer {name} says {said!r}. Fix: declare it in one of them, or alike."
                )
        for path, content in layer.files.items():
            other, lower = files.setdefault(path, (name, layer))
            owners = [tree.owners.get(path, "no distribution") for tree in (lower, layer)]
            if lower.files[path] != content and (path in lower.owners or path in layer.owners):
                raise LayersDisagreeError(
                    f"assembling {image}: file='/{path}': layer {other} has it from {owners[0]} "
                    f"and layer {name} from {owners[1]}, and the two differ. Fix: leave one of "
                    "the distributions out, or the file with the 'exclude' field of a layer."
                )


def directory_entries(directories: Mapping[str, str]) -> bytes:
    """The beginning of an archive: entries of these directories."""
    result = b""
    for path, said in sorted(directories.items()):
        owner, _, mode = said.partition(" ")
        info = tarfile.TarInfo(path)
        info.type, info.mtime, info.mode = tarfile.DIRTYPE, EPOCH, int(mode, 8)
        info.uid, info.gid = map(int, owner.split(":"))
        result += info.tobuf(tarfile.PAX_FORMAT)
    return result
