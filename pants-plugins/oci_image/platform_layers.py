"""The layers that a `docker_image` depends on, made for one platform."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.docker.target_types import DockerImageSourceField
from pants.core.goals.package import (
    BuiltPackage,
    EnvironmentAwarePackageRequest,
    PackageFieldSet,
)
from pants.engine.fs import Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    Target,
    Targets,
)
from pants.engine.unions import UnionMembership

from image_layout.platform_layer import PlatformLayerRequest


@dataclass(frozen=True)
class PlatformLayersRequest:
    """All packages that `image` depends on, for `platform`, e.g. `linux/arm64`.

    None is what each of them says it is for. Images are none of them.
    """

    image: Target
    platform: str | None


@dataclass(frozen=True)
class PlatformLayers:
    digest: Digest


@rule(desc="Make layers for a platform")
async def make_layers(request: PlatformLayersRequest, unions: UnionMembership) -> PlatformLayers:
    dependencies = await Get(Targets, DependenciesRequest(request.image[Dependencies]))
    targets = [each for each in dependencies if not each.has_field(DockerImageSourceField)]
    members = unions.get(PlatformLayerRequest)
    differing = [
        member(target, request.platform)
        for target in targets
        for member in members
        if request.platform is not None and member.is_applicable(target)
    ]
    ours = {each.target for each in differing}
    field_sets = await Get(
        FieldSetsPerTarget,
        FieldSetsPerTargetRequest(PackageFieldSet, [each for each in targets if each not in ours]),
    )
    packages = await MultiGet(
        *(Get(BuiltPackage, PlatformLayerRequest, each) for each in differing),
        *(
            Get(BuiltPackage, EnvironmentAwarePackageRequest(field_set))
            for field_set in field_sets.field_sets
        ),
    )
    return PlatformLayers(await Get(Digest, MergeDigests(package.digest for package in packages)))


def rules() -> Iterable[object]:
    return collect_rules()
