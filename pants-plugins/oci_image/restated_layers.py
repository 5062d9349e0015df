"""The layers of an image, each with the directories above its files as the layers below have them.

See `layer_tree.py` for why.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.addresses import Address
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    DigestEntries,
    FileContent,
    FileDigest,
    FileEntry,
)
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from oci_image.base import Base
from oci_image.compression import LARGEST_LAYER
from oci_image.layer_tree import LayerTree, directory_entries, read_layer, restated
from oci_image.subsystem import ImageAssembly
from sandbox_script.rules import ScriptRequest
from sandbox_script.script import Script

_READ = Script("oci_image", "read_layers", package_modules=("layer_tree",))
_OUTPUT = "restated"


@dataclass(frozen=True)
class LayerTreeRequest:
    """What an uncompressed layer has."""

    layer: FileDigest


@dataclass(frozen=True)
class BaseTreeRequest:
    """What a base has."""

    base: Base


@dataclass(frozen=True)
class TreeDocument:
    """A `LayerTree` as JSON."""

    content: bytes

    @property
    def tree(self) -> LayerTree:
        return LayerTree(**json.loads(self.content))


@dataclass(frozen=True)
class RestatedLayerRequest:
    layer: FileDigest
    directories: FrozenDict[str, str]


@dataclass(frozen=True)
class RestatedLayer:
    file: FileDigest


@dataclass(frozen=True)
class RestatedLayersRequest:
    """The uncompressed layers, lowest first and with their paths, of the image of a target."""

    address: Address
    layers: tuple[tuple[str, FileDigest], ...]
    base: Base


@dataclass(frozen=True)
class RestatedLayers:
    layers: FrozenDict[str, FileDigest]


@rule(level=LogLevel.DEBUG)
async def read_layer_tree(request: LayerTreeRequest, options: ImageAssembly) -> TreeDocument:
    source = await Get(Digest, CreateDigest([FileEntry("layer", request.layer)]))
    if request.layer.serialized_bytes_length <= LARGEST_LAYER:
        (file,) = await Get(DigestContents, Digest, source)
        tree = read_layer(io.BytesIO(file.content))
        return TreeDocument(json.dumps(tree.to_json(), sort_keys=True).encode())
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _READ,
            ("layer", "layer"),
            "Read what a layer has",
            options.python,
            digest=source,
            level=LogLevel.DEBUG,
        ),
    )
    return TreeDocument(result.stdout)


@rule(level=LogLevel.DEBUG)
async def read_base_tree(request: BaseTreeRequest, options: ImageAssembly) -> TreeDocument:
    base = request.base
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _READ,
            ("base", *(f"base/{layer.path}" for layer in base.layers)),
            "Read which directories the base has",
            options.python,
            shared=FrozenDict({"base": base.digest}),
            level=LogLevel.DEBUG,
        ),
    )
    return TreeDocument(result.stdout)


@rule(level=LogLevel.DEBUG)
async def restate_layer(request: RestatedLayerRequest, options: ImageAssembly) -> RestatedLayer:
    if not request.directories:
        return RestatedLayer(request.layer)
    source = await Get(Digest, CreateDigest([FileEntry("layer", request.layer)]))
    if request.layer.serialized_bytes_length <= LARGEST_LAYER:
        (file,) = await Get(DigestContents, Digest, source)
        content = directory_entries(request.directories) + file.content
        output = await Get(Digest, CreateDigest([FileContent(_OUTPUT, content)]))
    else:
        directories = json.dumps(dict(request.directories), sort_keys=True).encode()
        result = await Get(
            ProcessResult,
            ScriptRequest(
                _READ,
                ("restate", "layer", _OUTPUT, "directories"),
                "Put directories into a layer",
                options.python,
                files=(FileContent("directories", directories),),
                digest=source,
                output_files=(_OUTPUT,),
                level=LogLevel.DEBUG,
            ),
        )
        output = result.output_digest
    (entry,) = await Get(DigestEntries, Digest, output)
    assert isinstance(entry, FileEntry)
    return RestatedLayer(entry.file_digest)


@rule
async def restate_layers(request: RestatedLayersRequest) -> RestatedLayers:
    base, *trees = await MultiGet(
        Get(TreeDocument, BaseTreeRequest(request.base)),
        *(Get(TreeDocument, LayerTreeRequest(layer)) for _, layer in request.layers),
    )
    directories = restated(
        request.address.spec,
        base.tree,
        [(path, document.tree) for (path, _), document in zip(request.layers, trees)],
    )
    layers = await MultiGet(
        Get(RestatedLayer, RestatedLayerRequest(layer, FrozenDict(needed)))
        for (_, layer), needed in zip(request.layers, directories)
    )
    return RestatedLayers(
        FrozenDict({path: layer.file for (path, _), layer in zip(request.layers, layers)})
    )


def rules() -> Iterable[object]:
    return collect_rules()
