"""Lay out a base image: its configuration and its layers, compressed, as an OCI layout has them.

    read_base.py --offer FILE --image ID | --docker-archive PATH | --oci-layout DIRECTORY

Writes `base/blobs/sha256/*` and `base/base.json`: the configuration, and a descriptor of each
layer. Standard library only.
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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

_CHUNK = 1 << 20
_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
_BLOBS = os.path.join("base", "blobs", "sha256")


class BaseError(Exception):
    """What is wrong with the base, and the fix."""


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


@dataclass
class SavedFiles:
    """What an archive of `docker save` has: documents, layers as written, links between them."""

    documents: dict[str, bytes] = field(default_factory=dict)
    # The descriptor, and the sha256 of the uncompressed tar.
    layers: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
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
                self.layers[name] = compress(io.BytesIO(small))
        elif name.startswith("blobs/") or os.path.basename(name) == "layer.tar":
            self.layers[name] = compress(content)


def from_docker_archive(file: BinaryIO) -> dict[str, Any]:
    """The image of an archive that `docker save` wrote, read as a stream."""
    saved = SavedFiles()
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                name = os.path.normpath(member.name)
                if member.issym() or member.islnk():
                    target = os.path.join(os.path.dirname(name), member.linkname)
                    saved.links[name] = os.path.normpath(target)
                elif member.isfile():
                    content = cast(BinaryIO, archive.extractfile(member))
                    saved.take(name, content, member.size)
    except tarfile.TarError as error:
        raise BaseError(f"the archive of the base cannot be read: {error}") from error
    if "manifest.json" not in saved.documents:
        raise BaseError("the archive of the base has no manifest.json; make it with `docker save`")
    images = json.loads(saved.documents["manifest.json"])
    if len(images) != 1:
        raise BaseError(f"the archive of the base has {len(images)} images; save the one to use")
    config = json.loads(saved.documents[os.path.normpath(images[0]["Config"])])
    found: list[dict[str, Any]] = []
    for path in map(os.path.normpath, images[0]["Layers"]):
        descriptor, diff_id = saved.layers[saved.links.get(path, path)]
        expected = config["rootfs"]["diff_ids"][len(found)]
        if expected != f"sha256:{diff_id}":
            raise BaseError(
                f"layer {path} of the base is sha256:{diff_id}, but its configuration says "
                f"{expected}; save the image again"
            )
        found.append(descriptor)
    return {"config": config, "layers": found}


def from_offer(offer: str, image: str) -> dict[str, Any]:
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
                base = from_docker_archive(cast(BinaryIO, process.stdout))
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

    def blob(digest: str) -> str:
        algorithm, _, value = digest.partition(":")
        return os.path.join(directory, "blobs", algorithm, value)

    def read(path: str) -> Any:
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    try:
        document = read(os.path.join(directory, "index.json"))
        while "manifests" in document:
            chosen = choose(document["manifests"], architecture)
            document = read(blob(chosen["digest"]))
        config = read(blob(document["config"]["digest"]))
        layers = []
        for descriptor in document["layers"]:
            source, kind = blob(descriptor["digest"]), descriptor["mediaType"]
            if kind.endswith("gzip"):
                name = descriptor["digest"].partition(":")[2]
                shutil.copyfile(source, os.path.join(_BLOBS, name))
                layers.append(plain_descriptor(descriptor))
            elif kind.endswith("tar"):
                with open(source, "rb") as file:
                    layers.append(compress(file)[0])
            else:
                raise BaseError(f"a layer of the base is {kind}; use one with gzip")
    except FileNotFoundError as error:
        raise BaseError(
            f"{directory} is no whole OCI layout: {error.filename} is missing"
        ) from error
    return {"config": config, "layers": layers}


def plain_descriptor(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """The descriptor of a layer with gzip, in OCI's words."""
    return {"mediaType": _GZIP, "digest": descriptor["digest"], "size": descriptor["size"]}


def choose(manifests: list[dict[str, Any]], architecture: str) -> dict[str, Any]:
    """The manifest for Linux on an architecture, or the only one."""
    images = [each for each in manifests if each.get("platform", {}).get("os") != "unknown"]
    if len(images) == 1 and "platform" not in images[0]:
        return images[0]
    for each in images:
        platform = each.get("platform", {})
        if platform.get("architecture") == architecture and platform.get("os") == "linux":
            return each
    there = sorted({each.get("platform", {}).get("architecture", "unknown") for each in images})
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
    parser.add_argument("--docker-archive")
    parser.add_argument("--oci-layout")
    parser.add_argument("--architecture", default="amd64")
    options = parser.parse_args(argv)
    os.makedirs(_BLOBS, exist_ok=True)
    try:
        if options.offer:
            base = from_offer(options.offer, options.image)
        elif options.docker_archive:
            with open(options.docker_archive, "rb") as file:
                base = from_docker_archive(file)
        else:
            base = from_layout(options.oci_layout, options.architecture)
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
