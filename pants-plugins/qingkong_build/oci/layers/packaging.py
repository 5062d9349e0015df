"""Packages any layer target, for the platform that it names or for another one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import BuiltPackage, PackageFieldSet
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import Target, WrappedTarget, WrappedTargetRequest
from pants.engine.unions import UnionRule

from qingkong_build.oci.layers.layers import (
    FilesLayerFieldSet,
    FilesystemLayerFieldSet,
    SourcesLayerFieldSet,
)
from qingkong_build.oci.layers.local_wheels import WheelsLayerFieldSet, WheelsLayerRequest
from qingkong_build.oci.layers.requirements import (
    RequirementsLayerFieldSet,
    RequirementsLayerRequest,
)
from qingkong_build.oci.layers.target_types import LayerOutputPathField


@dataclass(frozen=True)
class ImageLayerFieldSet(PackageFieldSet):
    required_fields = (LayerOutputPathField,)

    output_path: LayerOutputPathField


@dataclass(frozen=True)
class ImageLayerRequest:
    """The package of `target`, a layer, for `platform`, e.g. `linux/arm64`.

    None is the platform that the layer names. The path is the same for every platform; a layer that
    does not name one is the same for all.
    """

    target: Target
    platform: str | None = None


@rule
async def build_image_layer(request: ImageLayerRequest) -> BuiltPackage:
    target, platform = request.target, request.platform
    if RequirementsLayerFieldSet.is_applicable(target):
        requirements = RequirementsLayerFieldSet.create(target)
        return await Get(BuiltPackage, RequirementsLayerRequest(requirements, platform))
    if WheelsLayerFieldSet.is_applicable(target):
        wheels = WheelsLayerFieldSet.create(target)
        return await Get(BuiltPackage, WheelsLayerRequest(wheels, platform))
    if SourcesLayerFieldSet.is_applicable(target):
        sources = SourcesLayerFieldSet.create(target)
        return await Get(BuiltPackage, SourcesLayerFieldSet, sources)
    if FilesLayerFieldSet.is_applicable(target):
        files = FilesLayerFieldSet.create(target)
        return await Get(BuiltPackage, FilesLayerFieldSet, files)
    return await Get(BuiltPackage, FilesystemLayerFieldSet, FilesystemLayerFieldSet.create(target))


@rule
async def package_image_layer(field_set: ImageLayerFieldSet) -> BuiltPackage:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(field_set.address, "the layer to package")
    )
    return await Get(BuiltPackage, ImageLayerRequest(wrapped.target))


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PackageFieldSet, ImageLayerFieldSet))
