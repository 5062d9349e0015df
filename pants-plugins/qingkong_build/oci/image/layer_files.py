"""A layer's two forms: its uncompressed tar, which identifies it, and what travels."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    DigestEntries,
    FileContent,
    FileDigest,
    FileEntry,
    MergeDigests,
)
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.image.compression import LARGEST_LAYER, compressed
from qingkong_build.oci.image.documents import GZIP, ZSTD
from qingkong_build.oci.image.subsystem import ImageAssembly
from qingkong_build.oci.zstd.rules import ZSTD_LAYER, Zstd, ZstdRequest
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.script import Script

_CONVERT = Script("qingkong_build.oci.image", "convert_layer")
_DECOMPRESS = "decompress"


@dataclass(frozen=True)
class ConvertedLayerRequest:
    """`mode` is that of `scripts/convert_layer.py`, or `zstd`."""

    mode: str
    layer: FileDigest
    path: str


@dataclass(frozen=True)
class ConvertedLayer:
    file: FileDigest


@dataclass(frozen=True)
class LayerFilesRequest:
    entries: tuple[FileEntry, ...]


@dataclass(frozen=True)
class LayerFiles:
    """The uncompressed tar for each path. Pants knows a file by its sha256: that is the diff id."""

    uncompressed: FrozenDict[str, FileDigest]


@rule
async def convert_layer(request: ConvertedLayerRequest, options: ImageAssembly) -> ConvertedLayer:
    # The same name for each, so that a layer is converted once, whatever it is called.
    source = await Get(Digest, CreateDigest([FileEntry("layer", request.layer)]))
    output = "converted"
    if request.mode == GZIP and request.layer.serialized_bytes_length <= LARGEST_LAYER:
        (file,) = await Get(DigestContents, Digest, source)
        packed = await Get(Digest, CreateDigest([FileContent(output, compressed(file.content))]))
        (entry,) = await Get(DigestEntries, Digest, packed)
        assert isinstance(entry, FileEntry)
        return ConvertedLayer(entry.file_digest)
    script, python = _CONVERT, options.python
    argv: tuple[str, ...] = (request.mode, "layer", output)
    if request.mode == ZSTD:
        zstd = await Get(Zstd, ZstdRequest())
        script, python, argv = ZSTD_LAYER, zstd.python, ("layer", output)
        source = await Get(Digest, MergeDigests([source, zstd.digest]))
    verb = "Decompress" if request.mode == _DECOMPRESS else "Compress"
    result = await Get(
        ProcessResult,
        ScriptRequest(
            script,
            argv,
            f"{verb} the layer {request.path}",
            python,
            digest=source,
            output_files=(output,),
        ),
    )
    (entry,) = await Get(DigestEntries, Digest, result.output_digest)
    assert isinstance(entry, FileEntry)
    return ConvertedLayer(entry.file_digest)


@rule
async def uncompressed_layers(request: LayerFilesRequest) -> LayerFiles:
    packed = [entry for entry in request.entries if not entry.path.endswith(".tar")]
    plain = await MultiGet(
        Get(
            ConvertedLayer,
            ConvertedLayerRequest(_DECOMPRESS, entry.file_digest, os.path.basename(entry.path)),
        )
        for entry in packed
    )
    unpacked = {entry.path: layer.file for entry, layer in zip(packed, plain)}
    return LayerFiles(
        FrozenDict(
            {entry.path: unpacked.get(entry.path, entry.file_digest) for entry in request.entries}
        )
    )


def rules() -> Iterable[object]:
    return collect_rules()
