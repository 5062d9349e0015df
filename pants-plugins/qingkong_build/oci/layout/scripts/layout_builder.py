"""Write small OCI image layouts for tests: real archives, real digests. Standard library only."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from image_view import BASE_LAYERS

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_TAR = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Node:
    """One entry of a layer to make; `link` makes a symbolic link, `kind` what tar calls it."""

    content: bytes | str = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    link: str = ""
    kind: bytes = tarfile.REGTYPE
    xattrs: Mapping[str, str] = field(default_factory=dict)


def directory(mode: int = 0o755, uid: int = 0, gid: int = 0) -> Node:
    return Node(mode=mode, uid=uid, gid=gid, kind=tarfile.DIRTYPE)


def symlink(target: str) -> Node:
    return Node(mode=0o777, link=target, kind=tarfile.SYMTYPE)


Tree = Mapping[str, "Node | str | bytes"]


def write_tar(tree: Tree) -> bytes:
    """A layer's archive, entries in the order given."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, given in tree.items():
            node = given if isinstance(given, Node) else Node(given)
            content = node.content.encode() if isinstance(node.content, str) else node.content
            info = tarfile.TarInfo(path)
            info.mode, info.uid, info.gid = node.mode, node.uid, node.gid
            info.type, info.linkname, info.size = node.kind, node.link, len(content)
            info.pax_headers = {f"SCHILY.xattr.{k}": v for k, v in node.xattrs.items()}
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def write_layout(
    place: Path,
    layers: Sequence[Tree],
    settings: Mapping[str, Any],
    *,
    base_layers: int | None = 1,
    names: Sequence[str] = ("app:1",),
    compress: bool = True,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """A layout with one image; `settings` is the `config` of its configuration, which `config`
    has the rest of."""
    blobs = place / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    descriptors, identifiers = [], []
    for tree in layers:
        plain = write_tar(tree)
        identifiers.append(_digest(plain))
        packed = gzip.compress(plain, mtime=0) if compress else plain
        descriptors.append(_store(blobs, packed, _TAR + "+gzip" if compress else _TAR))
    document = {
        "os": "linux",
        "architecture": "amd64",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": identifiers},
        **(config or {}),
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _store(blobs, _json(document), "application/vnd.oci.image.config.v1+json"),
        "layers": descriptors,
        "annotations": {} if base_layers is None else {BASE_LAYERS: str(base_layers)},
    }
    descriptor = _store(blobs, _json(manifest), _MANIFEST)
    index = {
        "schemaVersion": 2,
        "manifests": [
            {**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}}
            for name in names
        ],
    }
    (place / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (place / "index.json").write_bytes(_json(index))
    return place


def _store(blobs: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = _digest(content)
    (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
