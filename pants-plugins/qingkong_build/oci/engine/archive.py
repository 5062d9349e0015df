"""The archive with which an engine is given an image."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence

_CHUNK = 1 << 20


def image_archive(
    config: bytes,
    image_id: str,
    names: Sequence[str],
    diff_ids: Sequence[str],
    layers: Mapping[str, bytes],
    partial: bool,
) -> Iterator[bytes]:
    """The archive that `docker load` takes, with the layers that are given.

    Docker takes what it has from its store where the archive lacks it. Podman wants every file of
    the archive to exist, and reads none of those that it has: they are empty.
    """
    file = f"{image_id}.json"
    paths = {digest: f"{digest}/layer.tar" for digest in diff_ids}
    # A layer that is repeated is one file, named as often.
    in_order = [paths[digest] for digest in diff_ids]
    manifest = [{"Config": file, "RepoTags": list(names), "Layers": in_order}]
    yield from _member(file, config)
    yield from _member("manifest.json", json.dumps(manifest).encode())
    for digest, path in paths.items():
        if digest in layers:
            yield from _member(path, layers[digest])
        elif not partial:
            yield from _member(path, b"")
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(name: str, content: bytes) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    yield info.tobuf(tarfile.PAX_FORMAT)
    file = io.BytesIO(content)
    while chunk := file.read(_CHUNK):
        yield chunk
    yield bytes(-len(content) % tarfile.BLOCKSIZE)
