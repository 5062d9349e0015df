"""`pants package` of a `docker_image` that only assembles, without the engine's builder.

Pants runs `docker build` anew in each session, and twice where a file changed: nothing caches it,
and the client sends every layer each time. Here the image's configuration is computed, and the
engine is given it with the layers that it lacks, which is one small one after a change of a line.

Talking to the engine is part of a rule and no process of its own on purpose. Pants re-runs the
dependencies of a changed rule with their old inputs first, and an old image would be loaded, and
take the names, beside the new one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.backend.docker.goals import package_image
from pants.backend.docker.goals.package_image import DockerInfoV1, DockerPackageFieldSet
from pants.backend.docker.package_types import BuiltDockerImage
from pants.backend.docker.subsystems.docker_options import DockerOptions
from pants.backend.docker.util_rules.docker_binary import DockerBinary
from pants.core.goals.package import BuiltPackage
from pants.engine.fs import CreateDigest, Digest, DigestContents, FileContent, FileEntry
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionMembership
from pants.option.global_options import GlobalOptions, KeepSandboxes

from oci_image.documents import Document, image_config
from oci_image.engine import Engine, EngineError
from oci_image.engine_state import EngineState, EngineStateRequest
from oci_image.plan import ImagePlan, ImagePlanRequest
from oci_image.recipe import NotAssemblable
from oci_image.subsystem import ImageAssembly

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageInEngine:
    """An image as the engine shall have it. `missing` are the paths of the layers to give it.

    It is None where the engine has the image under all its names.
    """

    socket: str
    names: tuple[str, ...]
    config: Document
    diff_ids: tuple[str, ...]
    missing: tuple[str, ...] | None

    def load(self, layers: Mapping[str, bytes]) -> None:
        """Give the engine what it lacks: uncompressed tars by their diff ids."""
        Engine(self.socket).load(self.config, self.names, self.diff_ids, layers)


def image_in_engine(plan: ImagePlan, state: EngineState, created: str | None) -> ImageInEngine:
    """The image of a plan, compared with what the engine has.

    Raises:
        EngineError: the engine lacks the base.
        NotAssemblable: an instruction of the Dockerfile is wrong.
    """
    assert plan.recipe is not None
    assert state.socket is not None
    base, *named = state.images
    if base is None:
        raise EngineError(f"the container engine lacks the base {plan.recipe.base}")
    config = image_config(base.base, plan.recipe, plan.diff_ids, plan.labels, created)
    layers = plan.recipe.layers
    diff_ids = (*base.base.diff_ids, *(plan.diff_ids[path] for path in layers))
    missing: tuple[str, ...] | None = None
    if any(image is None or image.id != config.blob.digest for image in named):
        # A layer is known to be there when it and all below it are those of an image that is.
        there = max(
            _common(diff_ids, image.base.diff_ids) for image in state.images if image is not None
        )
        missing = layers[max(there - len(base.base.diff_ids), 0) :]
    return ImageInEngine(state.socket, plan.names, config, diff_ids, missing)


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many of the lowest layers are the same."""
    count = 0
    for left, right in zip(one, other):
        if left != right:
            break
        count += 1
    return count


@dataclass(frozen=True)
class EngineImageRequest:
    """Have the local engine have the image of this plan."""

    plan: ImagePlan


@dataclass(frozen=True)
class EngineImageResult:
    """`id` is the sha256 of the image, in hexadecimal; None where the builder has to, for `reason`.

    `expected` is false where that is worth a warning: the engine should have taken the image.
    """

    id: str | None
    reason: str = ""
    expected: bool = True


@rule(desc="Bring a container image into the engine")
async def bring_into_engine(
    request: EngineImageRequest, oci_options: ImageAssembly, docker: DockerBinary
) -> EngineImageResult:
    plan = request.plan
    if plan.recipe is None:
        return EngineImageResult(None, plan.reason)
    if not oci_options.assemble:
        return EngineImageResult(None, "[image-assembly].assemble is off")
    base = plan.recipe.base
    state = await Get(EngineState, EngineStateRequest((base, *plan.names)))
    if state.socket is None:
        return EngineImageResult(None, "there is no container engine at a local socket")
    if state.images[0] is None:
        await Get(
            ProcessResult,
            Process(
                (docker.path, "pull", base),
                description=f"Pull {base}, the base of {plan.address}",
                env=docker.extra_env,
                cache_scope=ProcessCacheScope.PER_SESSION,
            ),
        )
        pulled = Engine(state.socket).inspect(base)
        state = EngineState(state.socket, (pulled, *state.images[1:]))
    try:
        image = image_in_engine(plan, state, oci_options.created)
        if image.missing is not None:
            files = (FileEntry(path, plan.layers[path]) for path in image.missing)
            contents = await Get(DigestContents, Digest, await Get(Digest, CreateDigest(files)))
            image.load({plan.diff_ids[layer.path]: layer.content for layer in contents})
    except (EngineError, NotAssemblable) as error:
        return EngineImageResult(None, str(error), expected=False)
    return EngineImageResult(image.config.blob.digest)


@rule(desc="Assemble a container image")
async def assemble_docker_image(
    field_set: DockerPackageFieldSet,
    options: DockerOptions,
    global_options: GlobalOptions,
    docker: DockerBinary,
    keep_sandboxes: KeepSandboxes,
    union_membership: UnionMembership,
) -> BuiltPackage:
    plan = await Get(ImagePlan, ImagePlanRequest(field_set.address))
    image = await Get(EngineImageResult, EngineImageRequest(plan))
    if image.id is None:
        level = logging.DEBUG if image.expected else logging.WARNING
        logger.log(level, "The engine builds %s itself: %s", field_set.address, image.reason)
        return await package_image.build_docker_image(  # type: ignore[no-any-return]
            field_set, options, global_options, docker, keep_sandboxes, union_membership
        )
    image_id = f"sha256:{image.id}"
    file = field_set.output_path.value_or_default(file_ending="docker-info.json")
    info = DockerInfoV1.serialize(plan.image_refs, image_id=image_id)
    digest = await Get(Digest, CreateDigest([FileContent(file, info)]))
    return BuiltPackage(digest, (BuiltDockerImage.create(image_id, plan.names, file),))


def rules() -> Iterable[object]:
    return collect_rules()
