"""What a base's documents and blobs have to be before anything in them is used.

A base comes from elsewhere: no digest, size or name of it is believed, or part of a path, before
it is checked here. Standard library only.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Mapping
from typing import Any

import zstd_layer

_CHUNK = 1 << 20
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
# Documents are small; a larger one is none.
_LARGEST_DOCUMENT = 4 << 20
# An index within an index within an index is a mistake, or meant to never end.
DEEPEST = 4
_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a number"}
_FIX = "Use a base as its tool wrote it, or write it again."


class BaseError(Exception):
    """What is wrong with the base, and the fix."""


def malformed(where: str, field: str, value: object, why: str, fix: str = _FIX) -> BaseError:
    """The error about one value of a base."""
    shown = repr(value)
    shown = shown if len(shown) <= 120 else f"{shown[:117]}..."
    return BaseError(f"reading {where}: {field}={shown}: {why}. Fix: {fix}")


def member(document: Mapping[str, Any], field: str, kind: type, where: str) -> Any:
    """A value of a document, which is of that kind."""
    value = document.get(field)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise malformed(where, field, value, f"it has to be {_NAMES[kind]}")
    return value


def parsed(content: bytes, where: str, kind: type = dict) -> Any:
    """A document in JSON."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BaseError(f"reading {where}: it is not JSON: {error}. Fix: {_FIX}") from None
    if not isinstance(document, kind):
        raise malformed(where, "document", document, f"it has to be {_NAMES[kind]}")
    return document


def digest_name(digest: object, where: str) -> str:
    """The file that has the blob of a digest: 64 digits, and nothing that leads elsewhere."""
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if match is None:
        raise malformed(where, "digest", digest, "it has to be sha256: and 64 lowercase digits")
    return match[1]


def check_blob(path: str, descriptor: Mapping[str, Any], where: str) -> None:
    """Refuse a blob whose bytes are not those of its descriptor."""
    digest, size = (
        digest_name(descriptor.get("digest"), where),
        member(descriptor, "size", int, where),
    )
    if not os.path.isfile(path):
        raise malformed(where, "digest", descriptor["digest"], "there is no such blob")
    if os.path.getsize(path) != size:
        raise malformed(where, "size", size, f"blob {digest} has {os.path.getsize(path)} bytes")
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_CHUNK):
            found.update(block)
    if found.hexdigest() != digest:
        raise malformed(
            where, "digest", descriptor["digest"], f"the blob is sha256:{found.hexdigest()}"
        )


def read_document(path: str, descriptor: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The checked document that a descriptor names."""
    size = member(descriptor, "size", int, where)
    if size > _LARGEST_DOCUMENT:
        raise malformed(where, "size", size, f"a document has {_LARGEST_DOCUMENT} bytes at most")
    check_blob(path, descriptor, where)
    with open(path, "rb") as file:
        document: dict[str, Any] = parsed(file.read(), f"{descriptor['digest']} of {where}")
    return document


def descriptors(document: Mapping[str, Any], field: str, where: str) -> list[dict[str, Any]]:
    """The descriptors in a list of a document."""
    values: list[dict[str, Any]] = member(document, field, list, where)
    for value in values:
        if not isinstance(value, dict):
            raise malformed(where, field, value, "each has to be a descriptor")
        digest_name(value.get("digest"), where)
        member(value, "size", int, where)
        member(value, "mediaType", str, where)
    return values


def check_config(
    config: Mapping[str, Any], layers: int, architecture: str | None, where: str
) -> list[str]:
    """The diff IDs of a configuration for Linux on an architecture, as many as there are layers."""
    os_name, its_own = config.get("os"), config.get("architecture")
    if os_name != "linux":
        raise malformed(where, "os", os_name, "only images for linux can be a base")
    if not isinstance(its_own, str) or architecture not in (None, its_own):
        raise malformed(
            where,
            "architecture",
            its_own,
            f"the image has to be for {architecture}",
            f"Use a base for {architecture}.",
        )
    diff_ids: list[str] = member(member(config, "rootfs", dict, where), "diff_ids", list, where)
    if len(diff_ids) != layers:
        raise malformed(where, "diff_ids", diff_ids, f"the manifest has {layers} layers")
    for diff_id in diff_ids:
        digest_name(diff_id, where)
    return diff_ids


class ZstdNeededError(Exception):
    """A layer is in zstd, and there is nothing to read it with."""


def check_readable(layers: list[dict[str, Any]]) -> None:
    """Raise `ZstdNeededError` before anything is copied or downloaded in vain."""
    in_zstd = any(each["mediaType"].endswith("zstd") for each in layers)
    if in_zstd and not zstd_layer.is_readable():
        raise ZstdNeededError


def check_diff_id(path: str, kind: str, expected: str, where: str) -> None:
    """Refuse a compressed layer that unpacks to something else than the configuration says."""
    found, name = hashlib.sha256(), "zstd" if kind.endswith("zstd") else "gzip"
    try:
        with zstd_layer.opened(path) if name == "zstd" else gzip.open(path) as file:
            while block := file.read(_CHUNK):
                found.update(block)
    except (OSError, EOFError, zlib.error) as error:
        raise BaseError(
            f"reading {where}: layer {os.path.basename(path)} is not {name}: {error}. Fix: {_FIX}"
        ) from None
    if f"sha256:{found.hexdigest()}" != expected:
        raise malformed(
            where, "diff_ids", expected, f"the layer unpacks to sha256:{found.hexdigest()}"
        )
