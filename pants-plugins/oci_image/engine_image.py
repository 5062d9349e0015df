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
        EngineError: there is no local engine, or it lacks the base.
        NotAssemblable: an instruction of the Dockerfile is wrong.
    """
    assert plan.recipe is not None
    if state.socket is None:
        raise EngineError("there is no container engine at a local socket")
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


@rule(desc="Assemble a container image")
async def assemble_docker_image(
    field_set: DockerPackageFieldSet,
    oci_options: ImageAssembly,
    options: DockerOptions,
    global_options: GlobalOptions,
    docker: DockerBinary,
    keep_sandboxes: KeepSandboxes,
    union_membership: UnionMembership,
) -> BuiltPackage:
    plan = await Get(ImagePlan, ImagePlanRequest(field_set.address))
    if plan.recipe is None or not oci_options.assemble:
        logger.debug("%s is built by the engine: %s", field_set.address, plan.reason)
        return await package_image.build_docker_image(  # type: ignore[no-any-return]
            field_set, options, global_options, docker, keep_sandboxes, union_membership
        )
    state = await Get(EngineState, EngineStateRequest((plan.recipe.base, *plan.names)))
    if state.socket is not None and state.images[0] is None:
        await Get(
            ProcessResult,
            Process(
                (docker.path, "pull", plan.recipe.base),
                description=f"Pull {plan.recipe.base}, the base of {field_set.address}",
                env=docker.extra_env,
                cache_scope=ProcessCacheScope.PER_SESSION,
            ),
        )
        state = EngineState(
            state.socket, (Engine(state.socket).inspect(plan.recipe.base), *state.images[1:])
        )
    image_id = None
    try:
        image = image_in_engine(plan, state, oci_options.created)
        if image.missing is not None:
            files = (FileEntry(path, plan.layers[path]) for path in image.missing)
            contents = await Get(DigestContents, Digest, await Get(Digest, CreateDigest(files)))
            image.load({plan.diff_ids[layer.path]: layer.content for layer in contents})
        image_id = image.config.blob.digest
    except (EngineError, NotAssemblable) as error:
        logger.warning("%s; its own builder makes %s.", error, field_set.address)
    if image_id is None:
        return await package_image.build_docker_image(  # type: ignore[no-any-return]
            field_set, options, global_options, docker, keep_sandboxes, union_membership
        )
    file = field_set.output_path.value_or_default(file_ending="docker-info.json")
    info = DockerInfoV1.serialize(plan.image_refs, image_id=f"sha256:{image_id}")
    digest = await Get(Digest, CreateDigest([FileContent(file, info)]))
    return BuiltPackage(digest, (BuiltDockerImage.create(f"sha256:{image_id}", plan.names, file),))


def rules() -> Iterable[object]:
    return collect_rules()
