"""Write one image layer as a tar whose bytes depend on its content alone. Standard library only.

Entries are sorted; owner is 0:0 and the time 1980-01-01 unless the specification says
otherwise; modes are 0755 for executables, 0644 for the rest. Which files are executable is data,
too: the files of a sandbox have the modes of wherever they are linked from.

The only directories in it are those that the specification declares. What else is above the files
may be another layer's, with a mode and an owner that only the image knows. Exits 1 with one message
on any error, and leaves no partial file.
"""

from __future__ import annotations

import fnmatch
import gzip
import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

# 1980-01-01: later than zero, which some tools take for "unknown", and what zip files can carry.
EPOCH = 315532800


class LayerError(Exception):
    """What went wrong, where, with which value, and the fix."""


def entry(path: str, *, mode: int, uid: int = 0, gid: int = 0) -> tarfile.TarInfo:
    """A tar entry for `path`, with nothing of this machine in it."""
    info = tarfile.TarInfo(path.strip("/"))
    info.mtime = EPOCH
    info.mode = mode
    info.uid, info.gid = uid, gid
    return info


def excluded(relative: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern matches `relative`; `*` matches `/` too."""
    return any(fnmatch.fnmatchcase(relative, pattern) for pattern in patterns)


def files_below(tree: str, patterns: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each kept file or link below `tree`, as (path on disk, relative path)."""
    for directory, names, files in os.walk(tree):
        relative_directory = os.path.relpath(directory, tree)
        directories = []
        for name in (*names, *files):
            path = os.path.join(directory, name)
            relative = os.path.normpath(os.path.join(relative_directory, name))
            if excluded(relative, patterns):
                continue
            # A link to a directory is among `names`, but it is a link.
            if os.path.islink(path) or name not in names:
                yield path, relative
            else:
                directories.append(name)
        names[:] = directories


def distribution_name(dist_info: str) -> str | None:
    """`asyncmy` for `asyncmy-0.2.18.dist-info`, normalised as in PEP 503; None for others."""
    match = re.fullmatch(r"(.+?)-[^-]+\.dist-info", dist_info)
    return re.sub(r"[-_.]+", "-", match.group(1)).lower() if match else None


def check_forbidden(spec: dict[str, Any]) -> None:
    """Refuse a tree that holds a distribution which must come from elsewhere."""
    forbidden = {re.sub(r"[-_.]+", "-", name).lower() for name in spec["forbid"]}
    if not forbidden:
        return
    for name in sorted(os.listdir(spec["tree"])):
        found = distribution_name(name)
        if found in forbidden:
            raise LayerError(
                f"the 'forbid' field in target {spec['target']} has {found!r}, but its lockfile "
                f"brings {name}. Remove the requirement that asks for it (look for {found!r} in "
                "the lockfile's `requires_dists`) and run `pants generate-lockfiles`."
            )


def owner_and_mode(spec: dict[str, Any], field: str, key: str, value: str) -> tuple[int, int, int]:
    """The numbers of `UID:GID MODE`."""
    match = re.fullmatch(r"(\d+):(\d+) ([0-7]{3,4})", value)
    if match is None:
        raise LayerError(
            f"the {field!r} field in target {spec['target']} has {value!r} for {key!r}; it must be "
            "'UID:GID MODE', e.g. '0:0 0755'."
        )
    uid, gid, mode = match.groups()
    return int(uid), int(gid), int(mode, 8)


def tree_entries(spec: dict[str, Any]) -> Iterator[tuple[tarfile.TarInfo, bytes | None]]:
    """The entries of the packed tree: its files and links, and directories if they are declared."""
    tree, prefix, executables = spec["tree"], spec["path"], frozenset(spec["executables"])
    uid, gid = map(int, spec["owner"].split(":"))
    directories = {prefix}
    for source, relative in files_below(tree, spec["exclude"]):
        path = os.path.join(prefix, relative)
        parent = os.path.dirname(path)
        while len(parent) > len(prefix):
            directories.add(parent)
            parent = os.path.dirname(parent)
        if os.path.islink(source):
            link = os.readlink(source)
            if os.path.isabs(link):
                raise LayerError(
                    f"{relative} in the layer of target {spec['target']} is a link to {link!r}, "
                    "a path of the build machine. Exclude it with the 'exclude' field."
                )
            info = entry(path, mode=0o777, uid=uid, gid=gid)
            info.type, info.linkname = tarfile.SYMTYPE, link
            yield info, None
            continue
        with open(source, "rb") as file:
            content = file.read()
        mode = 0o755 if relative in executables else 0o644
        info = entry(path, mode=int(spec["file_mode"] or f"{mode:o}", 8), uid=uid, gid=gid)
        info.size = len(content)
        yield info, content
    if spec["directory_mode"]:
        for path in directories - {""}:
            info = entry(path, mode=int(spec["directory_mode"], 8), uid=uid, gid=gid)
            info.type = tarfile.DIRTYPE
            yield info, None


def declared_entries(spec: dict[str, Any]) -> Iterator[tuple[tarfile.TarInfo, bytes | None]]:
    """The entries that the target spells out."""
    for path, value in spec["directories"].items():
        uid, gid, mode = owner_and_mode(spec, "directories", path, value)
        info = entry(path, mode=mode, uid=uid, gid=gid)
        info.type = tarfile.DIRTYPE
        yield info, None
    for path, link in spec["symlinks"].items():
        info = entry(path, mode=0o777)
        info.type, info.linkname = tarfile.SYMTYPE, link
        yield info, None
    for path, text in spec["files"].items():
        content = text.encode()
        info = entry(path, mode=0o644)
        info.size = len(content)
        yield info, content


def write_layer(spec: dict[str, Any], output: str) -> None:
    """Write the layer that `spec` describes to `output`."""
    entries = list(declared_entries(spec))
    if spec["tree"]:
        if not os.path.isdir(spec["tree"]):
            raise LayerError(
                f"target {spec['target']} has nothing to put into its layer. Check its "
                "dependencies."
            )
        check_forbidden(spec)
        entries.extend(tree_entries(spec))
    entries.sort(key=lambda pair: pair[0].name)
    os.makedirs(os.path.dirname(output) or ".", exist_ok=True)
    partial = f"{output}.part"
    with open(partial, "wb") as raw, compressed(raw, output) as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for info, content in entries:
                tar.addfile(info, io.BytesIO(content) if content is not None else None)
    os.replace(partial, output)


def compressed(raw: BinaryIO, output: str) -> BinaryIO:
    """`raw`, through gzip if the name says so: without a name or a time in its header."""
    if not output.endswith(".gz"):
        return raw
    return cast(BinaryIO, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=EPOCH))


def main(argv: list[str]) -> int:
    spec_file, output = argv
    with open(spec_file, encoding="utf-8") as file:
        spec = json.load(file)
    try:
        write_layer(spec, output)
    except LayerError as error:
        print(f"qingkong_build.oci.layers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
