"""What the image of an `oci_image` target is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.engine.addresses import Address, Addresses, UnparsedAddressInputs
from pants.engine.fs import FileDigest
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    Target,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.image.platform_layers import PlatformLayers, PlatformLayersRequest
from qingkong_build.oci.image.setting_fields import AnnotationsField, settings_of
from qingkong_build.oci.image.settings import ImageSettings
from qingkong_build.oci.image.target_types import CompressionField, LayersField, RepoTagsField
from qingkong_build.oci.layers.base_field import BaseField, Parent, ParentRequest, is_address
from qingkong_build.oci.layers.pex_fields import PexField, PexLayersField, PexOtherPlatformsField
from qingkong_build.oci.layers.pex_layers import SOURCES_PATH, PexLayers
from qingkong_build.oci.layers.pex_targets import PexRequest
from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.oci.layout.rules import addresses_in


@dataclass(frozen=True)
class ImagePlanRequest:
    """For the `oci_image` target at `address`, with its layers for Linux on `architecture`.

    None takes each layer as its own target says.
    """

    address: Address
    architecture: str | None = None


@dataclass(frozen=True)
class ImagePlan:
    """`layers` has the uncompressed tar of each layer by its path: its sha256 is its diff id.

    `parent` is the image of this repository that it is on top of; None for one from elsewhere.
    """

    address: Address
    names: tuple[str, ...]
    settings: ImageSettings
    annotations: FrozenDict[str, str]
    layers: FrozenDict[str, FileDigest]
    compression: str
    parent: ImagePlan | None = None

    @property
    def lineage(self) -> tuple[ImagePlan, ...]:
        """The images of this repository that it is made of, the lowest first, itself last."""
        return (*self.parent.lineage, self) if self.parent else (self,)

    def with_layers(self, layers: FrozenDict[str, FileDigest]) -> ImagePlan:
        """The same plan with other bytes for the same layers."""
        return replace(self, layers=layers)

    @property
    def diff_ids(self) -> dict[str, str]:
        return {path: digest.fingerprint for path, digest in self.layers.items()}


@dataclass(frozen=True)
class BaseReferenceRequest:
    """For the `oci_image` target at `address`."""

    address: Address


@dataclass(frozen=True)
class BaseReference:
    """The name of the image from elsewhere that is below it, and below its parents."""

    reference: str


def above_pex(settings: ImageSettings, pex: PexLayers) -> ImageSettings:
    """The settings of an image with what its PEX says below them.

    On top of the image of another PEX, where sources are is said already.
    """
    path = {} if pex.is_on_pex else {"PYTHONPATH": SOURCES_PATH}
    return replace(
        settings,
        env=tuple({**path, **pex.env, **dict(settings.env)}.items()),
        workdir=settings.workdir or ("" if pex.is_on_pex else SOURCES_PATH),
        entrypoint=(
            (pex.entrypoint or None) if settings.entrypoint is None else settings.entrypoint
        ),
    )


def _pex_request(image: Target, platform: str | None) -> PexRequest | None:
    """For the layers of its PEX; None for an image without."""
    if image[PexField].value is not None:
        return PexRequest(image, platform) if platform else PexRequest(image)
    for field in (image[PexLayersField], image[PexOtherPlatformsField]):
        if field.value:
            raise invalid(
                *(field.alias, image.address, field.value, "the image has no `pex`"),
                "name a `pex_binary` in the 'pex' field, or remove this one",
            )
    return None


@rule
async def find_base_reference(request: BaseReferenceRequest) -> BaseReference:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="an image")
    )
    parent = await Get(Parent, ParentRequest(wrapped.target))
    if parent.image is None:
        return BaseReference(wrapped.target[BaseField].value)
    return await Get(BaseReference, BaseReferenceRequest(parent.image.address))


@rule(desc="Plan a container image")
async def plan_image(request: ImagePlanRequest) -> ImagePlan:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="an image")
    )
    target = wrapped.target
    platform = f"linux/{request.architecture}" if request.architecture else None
    below = await Get(Parent, ParentRequest(target))
    pex_request = _pex_request(target, platform)
    # All at once; an image may have no PEX and no parent.
    layers, *others = await MultiGet(
        Get(PlatformLayers, PlatformLayersRequest(target, platform)),
        *(Get(PexLayers, PexRequest, each) for each in (pex_request,) if each),
        *(
            Get(ImagePlan, ImagePlanRequest(each.address, request.architecture))
            for each in (below.image,)
            if each
        ),
    )
    pex = next((each for each in others if isinstance(each, PexLayers)), None)
    parent = next((each for each in others if isinstance(each, ImagePlan)), None)
    files, settings = dict(layers.files), settings_of(target)
    if pex is not None:
        files.update({entry.path: entry.file_digest for entry in pex.files})
        settings = above_pex(settings, pex)
    return ImagePlan(
        target.address,
        tuple(target[RepoTagsField].value),
        settings,
        target[AnnotationsField].value or FrozenDict(),
        FrozenDict(files),
        target[CompressionField].value,
        parent,
    )


@dataclass(frozen=True)
class OciImageDependenciesFieldSet(FieldSet):
    required_fields = (BaseField, LayersField)

    base: BaseField
    layers: LayersField
    pex: PexField


class InferOciImageDependencies(InferDependenciesRequest[OciImageDependenciesFieldSet]):
    infer_from = OciImageDependenciesFieldSet


@rule
async def infer_dependencies(request: InferOciImageDependencies) -> InferredDependencies:
    fields = request.field_set
    bases = (fields.base.value,) if is_address(fields.base.value) else ()
    pexes = (fields.pex.value,) if fields.pex.value is not None else ()
    found = await MultiGet(
        Get(Addresses, UnparsedAddressInputs, addresses_in(fields.address, field, values))
        for field, values in (("base", bases), ("layers", fields.layers.value), ("pex", pexes))
    )
    return InferredDependencies(address for each in found for address in each)


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(InferDependenciesRequest, InferOciImageDependencies))
