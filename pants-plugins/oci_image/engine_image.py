"""`pants package` of a `docker_image` that only assembles, without the engine's builder.

Pants runs `docker build` again in each session, and twice where a file changed: nothing caches it,
and the client sends every layer each time. Here the image's configuration is computed, and the
engine is given it with the layers that it lacks, which is one small one after a change of a line.

Talking to the engine is part of a rule and no process of its own on purpose. Pants re-runs the
dependencies of a changed rule with their old inputs first, and an old image would be loaded, and
take the names, beside the new one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pants.backend.docker.goals import package_image
from pants.backend.docker.goals.package_image import DockerInfoV1, DockerPackageFieldSet
from pants.backend.docker.package_types import BuiltDockerImage
from pants.backend.docker.subsystems.docker_options import DockerOptions
from pants.backend.docker.util_rules.docker_binary import DockerBinary
from pants.core.goals.package import BuiltPackage
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    FileDigest,
    FileEntry,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.unions import UnionMembership
from pants.option.global_options import GlobalOptions, KeepSandboxes

from container_engine.answers import EngineImage
from container_engine.errors import EngineRefusedError
from container_engine.rules import (
    ContainerEngine,
    EngineImages,
    EngineImagesRequest,
    EngineSearch,
)
from oci_image.base import (
    Base,
    EngineBaseSource,
    EngineBaseSourceRequest,
    SourcedBaseRequest,
)
from oci_image.documents import Document
from oci_image.engine_base import EngineBase, EngineBaseRequest
from oci_image.plan import ImagePlan, ImagePlanRequest
from oci_image.recipe import NotAssemblable
from oci_image.restated_layers import RestatedPlans, RestatedPlansRequest
from oci_image.subsystem import ImageAssembly

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageInEngine:
    """An image as the engine shall have it. `missing` are the layers to give it.

    It is None where the engine has the image under all its names.
    """

    names: tuple[str, ...]
    config: Document
    diff_ids: tuple[str, ...]
    missing: tuple[FileDigest, ...] | None


def image_in_engine(
    restated: RestatedPlans,
    base: EngineBase,
    named: Sequence[EngineImage | None],
    created: str | None,
) -> ImageInEngine:
    """The image of a plan, compared with what the engine has.

    Args:
        restated: the plan of the image and of its parents, with the layers that it gets.
        base: its base.
        named: what has the image's names now.
        created: when the image shall say that it was created.

    Raises:
        NotAssemblable: an instruction of the Dockerfile is wrong.
    """
    config = restated.config(base.config, created)
    layers, base_ids = restated.layers, base.image.diff_ids
    diff_ids = (*base_ids, *(layer.fingerprint for layer in layers))
    missing: tuple[FileDigest, ...] | None = None
    if any(image is None or image.id != config.blob.digest for image in named):
        # A layer is known to be in the engine when it and all below it are those of an image.
        present = max(
            _common(diff_ids, image.diff_ids) for image in (base.image, *named) if image is not None
        )
        missing = layers[max(present - len(base_ids), 0) :]
    return ImageInEngine(restated.plans[-1].names, config, diff_ids, missing)


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """How many of the lowest layers are the same."""
    count = 0
    for low, high in zip(left, right):
        if low != high:
            break
        count += 1
    return count


@dataclass(frozen=True)
class EngineImageRequest:
    """Have an engine have the image of this plan."""

    engine: ContainerEngine
    plan: ImagePlan


@dataclass(frozen=True)
class EngineImageResult:
    """`id` is the sha256 of the image, in hexadecimal; None where the builder has to, for `reason`.

    `is_expected` is false where that is worth a warning: the engine should have taken the image.
    """

    id: str | None
    reason: str = ""
    is_expected: bool = True


@dataclass(frozen=True)
class RestatedInEngineRequest:
    """The plan with its layers as they are on a base of an engine. See `restated_layers.py`."""

    plan: ImagePlan
    base: EngineBase


@rule
async def restate_in_engine(request: RestatedInEngineRequest) -> RestatedPlans:
    plan, image = request.plan, request.base.image
    reference, architecture = f"sha256:{image.id}", request.base.config.architecture
    found = await Get(EngineBaseSource, EngineBaseSourceRequest(reference, architecture))
    if found.source is None:
        raise EngineRefusedError(
            f"assembling {plan.address}: base={request.base.reference}: the engine has lost it. "
            "Fix: package it again."
        )
    base = await Get(Base, SourcedBaseRequest(found.source, request.base.reference, architecture))
    return await Get(RestatedPlans, RestatedPlansRequest(plan, base))


@rule(desc="Bring a container image into the engine")
async def bring_into_engine(
    request: EngineImageRequest, oci_options: ImageAssembly
) -> EngineImageResult:
    plan, engine = request.plan, request.engine
    if plan.recipe is None:
        return EngineImageResult(None, plan.reason)
    if not oci_options.assemble:
        return EngineImageResult(None, "[image-assembly].assemble is off")
    base, named = await MultiGet(
        Get(EngineBase, EngineBaseRequest(engine, plan.base, plan.address)),
        Get(EngineImages, EngineImagesRequest(engine, plan.names)),
    )
    restated = await Get(RestatedPlans, RestatedInEngineRequest(plan, base))
    try:
        image = image_in_engine(restated, base, named.images, oci_options.created)
    except NotAssemblable as error:
        return EngineImageResult(None, str(error), is_expected=False)
    if image.missing is not None:
        files = (FileEntry(x.fingerprint, x) for x in dict.fromkeys(image.missing))
        contents = await Get(DigestContents, Digest, await Get(Digest, CreateDigest(files)))
        try:
            engine.client().load(
                image.config.content,
                image.config.blob.digest,
                image.names,
                image.diff_ids,
                {layer.path: layer.content for layer in contents},
            )
        except EngineRefusedError as error:
            return EngineImageResult(None, str(error), is_expected=False)
    return EngineImageResult(image.config.blob.digest)


@rule(desc="Assemble a container image")
async def assemble_docker_image(
    field_set: DockerPackageFieldSet,
    search: EngineSearch,
    options: DockerOptions,
    global_options: GlobalOptions,
    keep_sandboxes: KeepSandboxes,
    union_membership: UnionMembership,
) -> BuiltPackage:
    engine = search.required()
    plan = await Get(ImagePlan, ImagePlanRequest(field_set.address))
    image = await Get(EngineImageResult, EngineImageRequest(engine, plan))
    if image.id is None:
        level = logging.DEBUG if image.is_expected else logging.WARNING
        logger.log(level, "The engine builds %s itself: %s", field_set.address, image.reason)
        built: BuiltPackage = await package_image.build_docker_image(
            *(field_set, options, global_options, await Get(DockerBinary)),
            *(keep_sandboxes, union_membership),
        )
    else:
        image_id = f"sha256:{image.id}"
        file = field_set.output_path.value_or_default(file_ending="docker-info.json")
        info = DockerInfoV1.serialize(plan.image_refs, image_id=image_id)
        digest = await Get(Digest, CreateDigest([FileContent(file, info)]))
        built = BuiltPackage(digest, (BuiltDockerImage.create(image_id, plan.names, file),))
    line = f"Container engine: {engine}"
    return BuiltPackage(
        built.digest,
        tuple(
            replace(artifact, extra_log_lines=(*artifact.extra_log_lines, line))
            for artifact in built.artifacts
        ),
    )


def rules() -> Iterable[object]:
    return collect_rules()
