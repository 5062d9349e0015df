"""Lay out a base image: its configuration and its layers, compressed, as an OCI layout has them.

    read_base.py --offer FILE --image ID | --docker-archive PATH | --oci-layout DIRECTORY

Writes `base/blobs/sha256/*` and `base/base.json`: the configuration, and a descriptor of each
layer. Where a layer of a layout is in zstd and there is no `zstandard`, it writes `NEEDS_ZSTD`
instead.

    read_base.py --offer FILE --image ID --tree

Writes nothing: prints which directories and links the base has, in JSON (`layer_tree.py`). An
engine has the layers already, and to compress them takes most of the time of the other way.

Standard library only.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from base_documents import (
    DEEPEST,
    BaseError,
    ZstdNeededError,
    check_blob,
    check_config,
    check_diff_id,
    check_readable,
    descriptors,
    digest_name,
    malformed,
    member,
    parsed,
    read_document,
)

from qingkong_build.oci.image.layer_tree import LayerTree, merged_base, read_layer

_CHUNK = 1 << 20
_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
_BLOBS = os.path.join("base", "blobs", "sha256")

#: In place of a base.
NEEDS_ZSTD: dict[str, Any] = {"needs": "zstd"}


def compress(source: BinaryIO) -> tuple[dict[str, Any], str]:
    """Write a layer as a blob. Returns its descriptor, and the sha256 of what went in."""
    partial = os.path.join(_BLOBS, "partial")
    plain, packed = hashlib.sha256(), hashlib.sha256()
    with open(partial, "wb") as raw:
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as target:
            while chunk := source.read(_CHUNK):
                plain.update(chunk)
                target.write(chunk)
    with open(partial, "rb") as file:
        while chunk := file.read(_CHUNK):
            packed.update(chunk)
    digest = packed.hexdigest()
    size = os.path.getsize(partial)
    os.replace(partial, os.path.join(_BLOBS, digest))
    return {"mediaType": _GZIP, "digest": f"sha256:{digest}", "size": size}, plain.hexdigest()


class _Hashed(io.RawIOBase):
    """A stream whose sha256 is known when all of it has been read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self.sha256.update(chunk)
        return chunk


def read_tree(source: BinaryIO) -> tuple[LayerTree, str]:
    """What a layer has, and the sha256 of it."""
    hashed = _Hashed(source)
    tree = read_layer(cast(BinaryIO, hashed))
    # What is behind the end of the archive is part of the layer, too.
    while hashed.read(_CHUNK):
        pass
    return tree, hashed.sha256.hexdigest()


#: What becomes of a layer, and the sha256 of its uncompressed tar.
Keep = Callable[[BinaryIO], tuple[Any, str]]


@dataclass
class SavedFiles:
    """What an archive of `docker save` has: documents, layers as kept, links between them."""

    keep: Keep
    documents: dict[str, bytes] = field(default_factory=dict)
    # What `keep` gave of each.
    layers: dict[str, tuple[Any, str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, content: BinaryIO, size: int) -> None:
        """Keep a file. Below `blobs/`, where newer engines put everything, documents are small."""
        if name.endswith(".json"):
            self.documents[name] = content.read()
        elif name.startswith("blobs/") and size < _CHUNK:
            small = content.read()
            if small.startswith(b"{"):
                self.documents[name] = small
            else:
                self.layers[name] = self.keep(io.BytesIO(small))
        elif name.startswith("blobs/") or os.path.basename(name) == "layer.tar":
            self.layers[name] = self.keep(content)


def from_docker_archive(
    file: BinaryIO, where: str, architecture: str | None = None, keep: Keep = compress
) -> dict[str, Any]:
    """The image of an archive that `docker save` wrote, read as a stream.

    Args:
        file: the archive.
        where: what to call it in errors.
        architecture: what it has to be for; None takes what it is for.
        keep: what becomes of each layer; the result has that in place of the layer.
    """
    saved = SavedFiles(keep)
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for entry in archive:
                name = os.path.normpath(entry.name)
                if entry.issym() or entry.islnk():
                    target = os.path.join(os.path.dirname(name), entry.linkname)
                    saved.links[name] = os.path.normpath(target)
                elif entry.isfile():
                    content = cast(BinaryIO, archive.extractfile(entry))
                    saved.take(name, content, entry.size)
    except tarfile.TarError as error:
        raise BaseError(f"the archive of the base cannot be read: {error}") from error
    if "manifest.json" not in saved.documents:
        raise BaseError("the archive of the base has no manifest.json; make it with `docker save`")
    images = parsed(saved.documents["manifest.json"], f"manifest.json of {where}", list)
    if len(images) != 1:
        raise BaseError(f"the archive of the base has {len(images)} images; save the one to use")
    (image,) = images
    if not isinstance(image, dict):
        raise malformed(where, "manifest.json", image, "it has to be an object")
    name = os.path.normpath(member(image, "Config", str, where))
    if name not in saved.documents:
        raise malformed(where, "Config", name, "the archive has no such document")
    config = parsed(saved.documents[name], f"{name} of {where}")
    paths = member(image, "Layers", list, where)
    diff_ids = check_config(config, len(paths), architecture, where)
    layers: list[Any] = []
    for path, expected in zip(paths, diff_ids):
        normal = os.path.normpath(path) if isinstance(path, str) else ""
        found = saved.layers.get(saved.links.get(normal, normal))
        if found is None:
            raise malformed(where, "Layers", path, "the archive has no such layer")
        kept, diff_id = found
        if expected != f"sha256:{diff_id}":
            raise BaseError(
                f"layer {path} of the base is sha256:{diff_id}, but its configuration says "
                f"{expected}; save the image again"
            )
        layers.append(kept)
    return {"config": config, "layers": layers}


def from_offer(offer: str, image: str, keep: Keep = compress) -> dict[str, Any]:
    """An image of a container engine. What prints its archive is in a file, in JSON: a command
    line (`argv`), its environment (`env`) and its input (`stdin`)."""
    with open(offer, encoding="utf-8") as file:
        program = json.load(file)
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(program["stdin"].encode())
        stdin.seek(0)
        with subprocess.Popen(
            program["argv"],
            env=program["env"],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process:
            failure: BaseError | None = None
            base: dict[str, Any] = {}
            try:
                base = from_docker_archive(cast(BinaryIO, process.stdout), image, keep=keep)
            except BaseError as error:
                failure = error
            # What follows the archive's end has to be taken, or the program does not end.
            while cast(BinaryIO, process.stdout).read(_CHUNK):
                pass
        stderr.seek(0)
        said = stderr.read().decode(errors="replace").strip()
    if process.returncode:
        # What it says is why the archive is cut.
        raise BaseError(f"reading {image} from the container engine: {said}")
    if failure is not None:
        raise failure
    return base


def from_layout(directory: str, architecture: str) -> dict[str, Any]:
    """The image of an OCI layout: the one there is, or the one for an architecture."""
    blobs = os.path.join(directory, "blobs", "sha256")

    def path_of(descriptor: Mapping[str, Any]) -> str:
        return os.path.join(blobs, digest_name(descriptor.get("digest"), directory))

    try:
        with open(os.path.join(directory, "index.json"), "rb") as file:
            document = parsed(file.read(), f"index.json of {directory}")
    except FileNotFoundError as error:
        raise BaseError(
            f"{directory} is no whole OCI layout: {error.filename} is missing"
        ) from error
    depth = 0
    while "manifests" in document:
        depth += 1
        if depth > DEEPEST:
            raise malformed(directory, "manifests", depth, "there are indexes within indexes")
        chosen = choose(descriptors(document, "manifests", directory), architecture)
        document = read_document(path_of(chosen), chosen, directory)
    named = member(document, "config", dict, directory)
    config = read_document(path_of(named), named, directory)
    found = descriptors(document, "layers", directory)
    check_readable(found)
    diff_ids = check_config(config, len(found), architecture, directory)
    layers = []
    for descriptor, diff_id in zip(found, diff_ids):
        source, kind = path_of(descriptor), descriptor["mediaType"]
        check_blob(source, descriptor, directory)
        if kind.endswith(("gzip", "zstd")):
            check_diff_id(source, kind, diff_id, directory)
            name = digest_name(descriptor["digest"], directory)
            shutil.copyfile(source, os.path.join(_BLOBS, name))
            layers.append(plain_descriptor(descriptor))
        elif kind.endswith("tar"):
            if descriptor["digest"] != diff_id:
                raise malformed(
                    directory, "diff_ids", diff_id, f"the layer is {descriptor['digest']}"
                )
            with open(source, "rb") as layer:
                layers.append(compress(layer)[0])
        else:
            raise BaseError(f"a layer of the base is {kind}; use one with gzip or zstd")
    return {"config": config, "layers": layers}


def plain_descriptor(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """The descriptor of a compressed layer, in OCI's words."""
    kind = _ZSTD if descriptor["mediaType"].endswith("zstd") else _GZIP
    return {"mediaType": kind, "digest": descriptor["digest"], "size": descriptor["size"]}


def choose(manifests: list[dict[str, Any]], architecture: str) -> dict[str, Any]:
    """The manifest for Linux on an architecture, or the only one."""

    def platform(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        value = manifest.get("platform", {})
        return value if isinstance(value, dict) else {}

    images = [each for each in manifests if platform(each).get("os") != "unknown"]
    if len(images) == 1 and not platform(images[0]):
        return images[0]
    for each in images:
        if (platform(each).get("architecture"), platform(each).get("os")) == (
            architecture,
            "linux",
        ):
            return each
    there = sorted({str(platform(each).get("architecture", "unknown")) for each in images})
    raise BaseError(
        f"the base is not there for linux/{architecture}, only for: {', '.join(there)}. Take a "
        f"base that has it, or leave {architecture} out of the 'architectures' field."
    )


def save(base: Mapping[str, Any]) -> None:
    """Write the configuration and the descriptors, beside the blobs that they are of."""
    with open(os.path.join("base", "base.json"), "w", encoding="utf-8") as target:
        json.dump(base, target, sort_keys=True)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--offer")
    parser.add_argument("--image")
    parser.add_argument("--tree", action="store_true")
    parser.add_argument("--docker-archive")
    parser.add_argument("--oci-layout")
    parser.add_argument("--architecture", default="amd64")
    options = parser.parse_args(argv)
    try:
        if options.tree:
            trees = from_offer(options.offer, options.image, read_tree)["layers"]
            json.dump(merged_base(trees).to_json(), sys.stdout, sort_keys=True)
            return 0
        os.makedirs(_BLOBS, exist_ok=True)
        if options.offer:
            base = from_offer(options.offer, options.image)
        elif options.docker_archive:
            with open(options.docker_archive, "rb") as file:
                base = from_docker_archive(file, options.docker_archive, options.architecture)
        else:
            base = from_layout(options.oci_layout, options.architecture)
    except ZstdNeededError:
        base = NEEDS_ZSTD
    except BaseError as error:
        print(f"oci_image: {error}", file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(f"oci_image: the base {error.filename} is not there", file=sys.stderr)
        return 1
    save(base)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
