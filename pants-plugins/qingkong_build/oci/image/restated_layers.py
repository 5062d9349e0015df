"""The layers of an image, each with the directories above its files as the layers below have them.

See `layer_tree.py` for why.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import (
    EMPTY_DIGEST,
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
from pants.engine.target import InvalidFieldException
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from qingkong_build.oci.image.base import Base, BaseSource
from qingkong_build.oci.image.compression import LARGEST_LAYER
from qingkong_build.oci.image.documents import ZSTD, BaseConfig, Document, image_config
from qingkong_build.oci.image.layer_tree import LayerTree, directory_entries, read_layer, restated
from qingkong_build.oci.image.plan import ImagePlan
from qingkong_build.oci.image.settings import SettingsError
from qingkong_build.oci.image.subsystem import ImageAssembly
from qingkong_build.oci.zstd.rules import ZSTD_LAYER, Zstd, ZstdRequest
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.script import Script

_READ = Script(
    "qingkong_build.oci.image",
    "read_layers",
    uses=(ZSTD_LAYER,),
    package_modules=("layer_tree",),
)
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
class EngineTreeRequest:
    """What the base that an engine offers as `source` has, without taking a copy of it."""

    source: BaseSource
    reference: str


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
class RestatedPlansRequest:
    """The layers of an image, and of its parents in the repository, on a base that has this."""

    plan: ImagePlan
    base: TreeDocument


@dataclass(frozen=True)
class RestatedPlans:
    """The lineage of the plan, with other layers."""

    plans: tuple[ImagePlan, ...]

    @property
    def layers(self) -> tuple[FileDigest, ...]:
        """Of all of them, the lowest first."""
        return tuple(layer for plan in self.plans for layer in plan.layers.values())

    def config(self, base: BaseConfig, created: str | None) -> Document:
        """The configuration of the uppermost."""
        *parents, plan = self.plans
        for parent in parents:
            document = _config(base, parent, created)
            base = BaseConfig.of_parent(document, parent.address.spec)
        return _config(base, plan, created)


def _config(base: BaseConfig, plan: ImagePlan, created: str | None) -> Document:
    try:
        return image_config(base, plan.settings, plan.diff_ids, created)
    except SettingsError as error:
        raise InvalidFieldException(f"{plan.address}: {error}.") from None


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
    base, python, library = request.base, options.python, EMPTY_DIGEST
    if any(layer.media_type.endswith(ZSTD) for layer in base.layers):
        zstd = await Get(Zstd, ZstdRequest())
        python, library = zstd.python, zstd.digest
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _READ,
            ("base", *(f"base/{layer.path}" for layer in base.layers)),
            "Read which directories the base has",
            python,
            digest=library,
            shared=FrozenDict({"base": base.digest}),
            level=LogLevel.DEBUG,
        ),
    )
    return TreeDocument(result.stdout)


@rule
async def read_engine_tree(request: EngineTreeRequest, options: ImageAssembly) -> TreeDocument:
    source = request.source
    result = await Get(
        ProcessResult,
        ScriptRequest(
            source.script,
            (*source.argv, "--tree"),
            f"Read which directories {request.reference} has",
            options.python,
            caches=source.caches,
            cache_scope=source.cache_scope,
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
async def restate_plans(request: RestatedPlansRequest) -> RestatedPlans:
    plans = request.plan.lineage
    layers = [layer for plan in plans for layer in plan.layers.items()]
    trees = await MultiGet(Get(TreeDocument, LayerTreeRequest(layer)) for _, layer in layers)
    directories = restated(
        request.plan.address.spec,
        request.base.tree,
        [(path, document.tree) for (path, _), document in zip(layers, trees)],
    )
    result = await MultiGet(
        Get(RestatedLayer, RestatedLayerRequest(layer, FrozenDict(needed)))
        for (_, layer), needed in zip(layers, directories)
    )
    files = iter(result)
    return RestatedPlans(
        tuple(
            plan.with_layers(FrozenDict({path: next(files).file for path in plan.layers}))
            for plan in plans
        )
    )


def rules() -> Iterable[object]:
    return collect_rules()
