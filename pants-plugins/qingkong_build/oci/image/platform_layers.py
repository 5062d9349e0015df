"""The layers of an `oci_image`, made for one platform, each as one uncompressed tar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import (
    BuiltPackage,
    EnvironmentAwarePackageRequest,
    PackageFieldSet,
)
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.fs import Digest, DigestEntries, FileDigest, FileEntry
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    Target,
    Targets,
)
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.image.layer_files import LayerFiles, LayerFilesRequest
from qingkong_build.oci.image.target_types import LayersField
from qingkong_build.oci.layers.packaging import ImageLayerRequest
from qingkong_build.oci.layers.target_types import LayerOutputPathField
from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.oci.layout.rules import addresses_in

_ENDINGS = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class PlatformLayersRequest:
    """The layers of `image`, for `platform`, e.g. `linux/arm64`.

    None is what each of them says it is for.
    """

    image: Target
    platform: str | None


@dataclass(frozen=True)
class PlatformLayers:
    """The tar of each layer by the path that its package has, the lowest first."""

    files: FrozenDict[str, FileDigest]


@dataclass(frozen=True)
class _LayerRequest:
    image: Target
    target: Target
    platform: str | None


@dataclass(frozen=True)
class _Layer:
    entry: FileEntry


@rule
async def make_layer(request: _LayerRequest) -> _Layer:
    target = request.target
    packages: tuple[BuiltPackage, ...]
    if target.has_field(LayerOutputPathField):
        packages = (await Get(BuiltPackage, ImageLayerRequest(target, request.platform)),)
    else:
        found = await Get(FieldSetsPerTarget, FieldSetsPerTargetRequest(PackageFieldSet, [target]))
        packages = await MultiGet(
            Get(BuiltPackage, EnvironmentAwarePackageRequest(field_set))
            for field_set in found.field_sets
        )
    listings = await MultiGet(Get(DigestEntries, Digest, package.digest) for package in packages)
    files = [
        entry
        for listing in listings
        for entry in listing
        if isinstance(entry, FileEntry) and entry.path.endswith(_ENDINGS)
    ]
    if len(files) != 1:
        made = ", ".join(file.path for file in files) or "none"
        raise invalid(
            *("layers", request.image.address, target.address.spec),
            f"`pants package` makes {len(files)} tar files of it, and not one ({made})",
            "name layers and archives only",
        )
    return _Layer(files[0])


@rule(desc="Make layers for a platform")
async def make_layers(request: PlatformLayersRequest) -> PlatformLayers:
    image = request.image
    field = image[LayersField]
    targets = await Get(
        Targets,
        UnparsedAddressInputs,
        addresses_in(image.address, field.alias, field.value),
    )
    layers = await MultiGet(
        Get(_Layer, _LayerRequest(image, target, request.platform)) for target in targets
    )
    files = await Get(LayerFiles, LayerFilesRequest(tuple(layer.entry for layer in layers)))
    return PlatformLayers(files.uncompressed)


def rules() -> Iterable[object]:
    return collect_rules()
