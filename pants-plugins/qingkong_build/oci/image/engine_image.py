"""`pants package` of a `docker_image` with an `image`, without the engine's builder.

Pants runs `docker build` again in each session, and twice where a file changed: nothing caches it,
and the client sends every layer each time. Here the image's configuration is computed, and the
engine is given it with the layers that it lacks, which is one small one after a change of a line.

Only this outermost rule loads into the engine. Pants first re-runs the dependencies of a changed
rule with their old inputs; if one of them loaded, it would load the old image, or load into the
previous engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pants.backend.docker.goals import package_image
from pants.backend.docker.goals.package_image import (
    DockerInfoV1,
    DockerPackageFieldSet,
    ImageRefRegistry,
    ImageRefTag,
)
from pants.backend.docker.package_types import BuiltDockerImage
from pants.backend.docker.subsystems.docker_options import DockerOptions
from pants.backend.docker.target_types import (
    DockerImageBuildArgsField,
    DockerImageBuildImageLabelsOptionField,
    DockerImageBuildPullOptionField,
    DockerImageBuildSecretsOptionField,
    DockerImageBuildSquashOptionField,
    DockerImageBuildSSHOptionField,
    DockerImageContextRootField,
    DockerImageInstructionsField,
    DockerImageRegistriesField,
    DockerImageRepositoryField,
    DockerImageTagsField,
    DockerImageTargetStageField,
)
from pants.backend.docker.util_rules.docker_binary import DockerBinary
from pants.core.goals.package import BuiltPackage
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    FileDigest,
    FileEntry,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import Field, Target, Targets, WrappedTarget, WrappedTargetRequest
from pants.engine.unions import UnionMembership
from pants.option.global_options import GlobalOptions, KeepSandboxes
from pants.util.value_interpolation import InterpolationContext

from qingkong_build.oci.engine.answers import EngineImage
from qingkong_build.oci.engine.errors import EngineRefusedError
from qingkong_build.oci.engine.rules import (
    ContainerEngine,
    EngineImages,
    EngineImagesRequest,
    EngineSearch,
)
from qingkong_build.oci.image.base import EngineBaseSource, EngineBaseSourceRequest
from qingkong_build.oci.image.documents import Document
from qingkong_build.oci.image.engine_base import EngineBase, EngineBaseRequest
from qingkong_build.oci.image.plan import (
    BaseReference,
    BaseReferenceRequest,
    ImagePlan,
    ImagePlanRequest,
)
from qingkong_build.oci.image.restated_layers import (
    EngineTreeRequest,
    RestatedPlans,
    RestatedPlansRequest,
    TreeDocument,
)
from qingkong_build.oci.image.subsystem import ImageAssembly
from qingkong_build.oci.image.target_types import DockerImageImageField, LayersField, RepoTagsField
from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.oci.layout.rules import addresses_in


@dataclass(frozen=True)
class ImageInEngine:
    """An image as the engine shall have it. `missing` are the layers to give it.

    They are None where the engine has the image under all its names.
    """

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
    return ImageInEngine(config, diff_ids, missing)


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """How many of the lowest layers are the same."""
    count = 0
    for low, high in zip(left, right):
        if low != high:
            break
        count += 1
    return count


@dataclass(frozen=True)
class EngineBaseTreeRequest:
    """Asks for the base below the `oci_image` at `image`, as `engine` has it."""

    engine: ContainerEngine
    image: Address


@dataclass(frozen=True)
class EngineBaseTree:
    """A base in an engine, and which directories it has. See `restated_layers.py`."""

    base: EngineBase
    tree: TreeDocument


@rule
async def read_base_in_engine(
    request: EngineBaseTreeRequest, options: ImageAssembly
) -> EngineBaseTree:
    below = await Get(BaseReference, BaseReferenceRequest(request.image))
    base = await Get(
        EngineBase,
        EngineBaseRequest(request.engine, options.base or below.reference, request.image),
    )
    reference, architecture = f"sha256:{base.image.id}", base.config.architecture
    found = await Get(EngineBaseSource, EngineBaseSourceRequest(reference, architecture))
    if found.source is None:
        raise EngineRefusedError(
            f"assembling {request.image}: base={base.reference}: the engine has lost it. "
            "Fix: package it again."
        )
    tree = await Get(TreeDocument, EngineTreeRequest(found.source, base.reference))
    return EngineBaseTree(base, tree)


# Before the rule that calls it: Pants reads the `Get`s of helpers that it has already seen.
async def _bring(
    engine: ContainerEngine,
    plan: ImagePlan,
    base: EngineBaseTree,
    names: tuple[str, ...],
    created: str | None,
) -> str:
    """Have an engine have the image of this plan under these names; returns the image's ID."""
    named, restated = await MultiGet(
        Get(EngineImages, EngineImagesRequest(engine, names)),
        Get(RestatedPlans, RestatedPlansRequest(plan, base.tree)),
    )
    image = image_in_engine(restated, base.base, named.images, created)
    if image.missing is not None:
        files = (FileEntry(x.fingerprint, x) for x in dict.fromkeys(image.missing))
        contents = await Get(DigestContents, Digest, await Get(Digest, CreateDigest(files)))
        try:
            engine.client().load(
                image.config.content,
                image.config.blob.digest,
                names,
                image.diff_ids,
                {layer.path: layer.content for layer in contents},
            )
        except EngineRefusedError as error:
            raise EngineRefusedError(
                f"bringing {plan.address} into {engine}: {error}. Fix: package {plan.address} and "
                "`docker load` its archive; an engine with the containerd image store takes whole "
                "images only."
            ) from None
    return image.config.blob.digest


# Fields of `docker_image` that say how `docker build` makes an image.
_BUILD_FIELDS = (
    DockerImageBuildArgsField,
    DockerImageBuildImageLabelsOptionField,
    DockerImageBuildPullOptionField,
    DockerImageBuildSecretsOptionField,
    DockerImageBuildSSHOptionField,
    DockerImageBuildSquashOptionField,
    DockerImageContextRootField,
    DockerImageInstructionsField,
    DockerImageTargetStageField,
)


async def _image_of(target: Target) -> Target:
    """The `oci_image` that a `docker_image` brings into the engine."""
    field = target[DockerImageImageField]
    for each in _BUILD_FIELDS:
        if target[each].value:
            raise invalid(
                *(each.alias, target.address, target[each].value),
                f"with {field.alias!r} set there is no `docker build`",
                f"say it in the fields of {field.value}, or drop {each.alias!r}",
            )
    images = await Get(
        Targets,
        UnparsedAddressInputs,
        addresses_in(target.address, field.alias, (str(field.value),)),
    )
    image = images.expect_single()
    if not image.has_field(LayersField):
        raise invalid(
            *(field.alias, target.address, field.value, f"{image.address} is no `oci_image`"),
            "name one",
        )
    return image


def _own_refs(
    field_set: DockerPackageFieldSet, target: Target, options: DockerOptions
) -> tuple[ImageRefRegistry, ...]:
    """What the target itself calls the image; nothing where it leaves that to its `oci_image`."""
    fields: tuple[type[Field], ...] = (
        DockerImageRepositoryField,
        DockerImageTagsField,
        DockerImageRegistriesField,
    )
    if all(target[each].value == each.default for each in fields):
        return ()
    return tuple(
        field_set.image_refs(
            default_repository=options.default_repository,
            registries=options.registries(),
            interpolation_context=InterpolationContext.from_dict({}),
        )
    )


@rule(desc="Bring a container image into the engine, or have it built")
async def package_docker_image(
    field_set: DockerPackageFieldSet,
    search: EngineSearch,
    options: DockerOptions,
    assembly: ImageAssembly,
    global_options: GlobalOptions,
    keep_sandboxes: KeepSandboxes,
    union_membership: UnionMembership,
) -> BuiltPackage:
    engine = search.required()
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(field_set.address, description_of_origin="an image")
    )
    target = wrapped.target
    if target.get(DockerImageImageField).value is None:
        built: BuiltPackage = await package_image.build_docker_image(
            *(field_set, options, global_options, await Get(DockerBinary)),
            *(keep_sandboxes, union_membership),
        )
    else:
        image = await _image_of(target)
        refs = _own_refs(field_set, target, options)
        own_names = tuple(tag.full_name for ref in refs for tag in ref.tags)
        names = own_names or tuple(image[RepoTagsField].value)
        if not names:
            raise invalid(
                *("repo_tags", image.address, list(names), f"{target.address} needs a name for it"),
                'write e.g. repo_tags=["app:1.0"]',
            )
        # At once: the layers may take long to make, and the base is read meanwhile.
        plan, base = await MultiGet(
            Get(ImagePlan, ImagePlanRequest(image.address)),
            Get(EngineBaseTree, EngineBaseTreeRequest(engine, image.address)),
        )
        image_id = f"sha256:{await _bring(engine, plan, base, names, assembly.created)}"
        file = field_set.output_path.value_or_default(file_ending="docker-info.json")
        info = DockerInfoV1.serialize(refs or _refs(names), image_id=image_id)
        digest = await Get(Digest, CreateDigest([FileContent(file, info)]))
        built = BuiltPackage(digest, (BuiltDockerImage.create(image_id, names, file),))
    line = f"Container engine: {engine}"
    return BuiltPackage(
        built.digest,
        tuple(
            replace(artifact, extra_log_lines=(*artifact.extra_log_lines, line))
            for artifact in built.artifacts
        ),
    )


def _refs(names: Iterable[str]) -> tuple[ImageRefRegistry, ...]:
    """Names as `docker-info.json` has them: a repository and its tags each."""
    tags: dict[str, list[ImageRefTag]] = {}
    for name in names:
        repository, _, tag = name.rpartition(":")
        tags.setdefault(repository, []).append(
            ImageRefTag(template=tag, formatted=tag, full_name=name, uses_local_alias=False)
        )
    return tuple(
        ImageRefRegistry(registry=None, repository=repository, tags=tuple(each))
        for repository, each in tags.items()
    )


def rules() -> Iterable[object]:
    return collect_rules()
