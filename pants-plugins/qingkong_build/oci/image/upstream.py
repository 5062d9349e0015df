"""Pants' own Docker rules, but for those that a `docker_image` with an `image` has instead.

Each of its backends that knows of `docker_image` brings all rules with it, so none of them may be
activated beside this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pants.backend.docker.goals import package_image
from pants.backend.docker.util_rules import dependencies, docker_binary
from pants.core.goals.package import AllPackageableTargets
from pants.engine.addresses import Addresses, UnparsedAddressInputs
from pants.engine.rules import Get, TaskRule, collect_rules, rule
from pants.engine.target import InferredDependencies, WrappedTarget, WrappedTargetRequest

from qingkong_build.oci.image.target_types import DockerImageImageField
from qingkong_build.oci.layout.rules import addresses_in

_REPLACED = (
    package_image.build_docker_image,
    docker_binary.get_docker,
    dependencies.infer_docker_dependencies,
)


def without_replaced(rules: Iterable[object]) -> Iterator[object]:
    """The rules but for those that ours call where they do not apply themselves."""
    for each in rules:
        if not (isinstance(each, TaskRule) and each.func in _REPLACED):
            yield each


@rule
async def infer_docker_dependencies(
    request: dependencies.InferDockerDependencies, all_packageable_targets: AllPackageableTargets
) -> InferredDependencies:
    address = request.field_set.address
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(address, description_of_origin="an image")
    )
    image = wrapped.target.get(DockerImageImageField).value
    if image is None:
        inferred: InferredDependencies = await dependencies.infer_docker_dependencies(
            request, all_packageable_targets
        )
        return inferred
    return InferredDependencies(
        await Get(
            Addresses,
            UnparsedAddressInputs,
            addresses_in(address, DockerImageImageField.alias, (image,)),
        )
    )


def rules() -> Iterable[object]:
    return collect_rules()
