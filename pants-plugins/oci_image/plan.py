"""What the image of a `docker_image` target is made of, or why it takes an engine's builder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

from pants.backend.docker.goals.package_image import (
    DockerPackageFieldSet,
    ImageRefRegistry,
    get_build_options,
)
from pants.backend.docker.subsystems.docker_options import DockerOptions
from pants.backend.docker.subsystems.dockerfile_parser import (
    DockerfileInfo,
    DockerfileInfoRequest,
    DockerfileParser,
)
from pants.backend.docker.target_types import (
    DockerImageSourceField,
    DockerImageTags,
    DockerImageTagsRequest,
)
from pants.backend.docker.util_rules.docker_build_args import (
    DockerBuildArgs,
    DockerBuildArgsRequest,
)
from pants.backend.docker.util_rules.docker_build_context import (
    DockerBuildContext,
    DockerBuildContextRequest,
)
from pants.backend.docker.util_rules.docker_build_env import (
    DockerBuildEnvironment,
    DockerBuildEnvironmentRequest,
)
from pants.backend.python.target_types import EntryPoint
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.engine.addresses import Address
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestEntries,
    DigestSubset,
    FileDigest,
    FileEntry,
    MergeDigests,
    PathGlobs,
    Snapshot,
)
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    Target,
    Targets,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionMembership
from pants.util.frozendict import FrozenDict

from oci_image.layer_files import LayerFiles, LayerFilesRequest
from oci_image.platform_layers import PlatformLayers, PlatformLayersRequest
from oci_image.recipe import Instruction, NotAssemblable, Recipe, read_recipe
from sandbox_script.script import Script

_READER = Script("oci_image", "read_dockerfile")


class ImageContextError(Exception):
    """A layer that the Dockerfile names is not there."""


@dataclass(frozen=True)
class ImagePlanRequest:
    """For the `docker_image` target at `address`, with its layers for Linux on `architecture`.

    None takes each layer as its own target says.
    """

    address: Address
    architecture: str | None = None


@dataclass(frozen=True)
class ImagePlan:
    """`recipe` is None where only an engine can build it, for `reason`.

    `layers` has the uncompressed tar of each layer of the recipe: its sha256 is its diff id.
    `parent` is the image of this repository that the recipe's base is; None for one from elsewhere.
    """

    address: Address
    image_refs: tuple[ImageRefRegistry, ...]
    names: tuple[str, ...]
    labels: FrozenDict[str, str]
    recipe: Recipe | None
    reason: str
    layers: FrozenDict[str, FileDigest]
    parent: ImagePlan | None = None

    @property
    def lineage(self) -> tuple[ImagePlan, ...]:
        """The images of this repository that it is made of, the lowest first, itself last."""
        return (*self.parent.lineage, self) if self.parent else (self,)

    @property
    def base(self) -> str:
        """The name of the image from elsewhere below all of them."""
        recipe = self.lineage[0].recipe
        assert recipe is not None
        return recipe.base

    def with_layers(self, layers: FrozenDict[str, FileDigest]) -> ImagePlan:
        """The same plan with other bytes for the same layers."""
        return replace(self, layers=layers)

    @property
    def diff_ids(self) -> dict[str, str]:
        return {path: digest.fingerprint for path, digest in self.layers.items()}


@dataclass(frozen=True)
class InstructionsRequest:
    digest: Digest
    path: str


@dataclass(frozen=True)
class Instructions:
    values: tuple[Instruction, ...]


@dataclass(frozen=True)
class DockerfileReader:
    pex: VenvPex


@rule
async def set_up_reader(parser: DockerfileParser) -> DockerfileReader:
    sources = await Get(Digest, CreateDigest(_READER.files("")))
    pex = await Get(
        VenvPex,
        PexRequest,
        parser.to_pex_request(main=EntryPoint(_READER.name, "main"), sources=sources),
    )
    return DockerfileReader(pex)


@rule(desc="Read a Dockerfile's instructions")
async def read_instructions(request: InstructionsRequest, reader: DockerfileReader) -> Instructions:
    result = await Get(
        ProcessResult,
        VenvPexProcess(
            reader.pex,
            argv=(request.path,),
            input_digest=request.digest,
            description=f"Read {request.path}",
        ),
    )
    return Instructions(tuple(map(Instruction.from_json, json.loads(result.stdout))))


@dataclass(frozen=True)
class ImageContextRequest:
    """Of the `docker_image` target at `address`."""

    address: Address


@dataclass(frozen=True)
class ImageContext:
    """The Dockerfile with the layers, and without images of this repository."""

    context: DockerBuildContext


@rule
async def find_context(request: ImageContextRequest) -> ImageContext:
    """Pants' own, unless the base is the address of another target.

    Pants would build that one, with an engine, to have a name for it.
    """
    info, wrapped = await MultiGet(
        Get(DockerfileInfo, DockerfileInfoRequest(request.address)),
        Get(WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="a plan")),
    )
    args, env = await MultiGet(
        Get(DockerBuildArgs, DockerBuildArgsRequest(wrapped.target)),
        Get(DockerBuildEnvironment, DockerBuildEnvironmentRequest(wrapped.target)),
    )
    given, folder = args.to_dict(), request.address.spec_path or "//"
    parents = []
    for name, default in info.from_image_build_args.to_dict().items():
        value = (given.get(name) or default or "").strip("\"'")
        if value.startswith((":", "//")):
            parents.append(f"{name}={folder if value.startswith(':') else ''}{value}")
    if not parents:
        return ImageContext(
            await Get(
                DockerBuildContext,
                DockerBuildContextRequest(address=request.address, build_upstream_images=False),
            )
        )
    layers = await Get(PlatformLayers, PlatformLayersRequest(wrapped.target, None))
    return ImageContext(
        DockerBuildContext.create(
            build_args=DockerBuildArgs.from_strings(*args, *parents),
            snapshot=await Get(Snapshot, MergeDigests([info.digest, layers.digest])),
            upstream_image_ids=(),
            dockerfile_info=info,
            build_env=env,
        )
    )


@dataclass(frozen=True)
class ParentPlanRequest:
    """Which `docker_image` among the dependencies of `target` its base is: an address or a name."""

    target: Target
    base: str
    architecture: str | None


@dataclass(frozen=True)
class ParentPlan:
    plan: ImagePlan | None


@rule(desc="Plan a container image")
async def plan_image(
    request: ImagePlanRequest, options: DockerOptions, unions: UnionMembership
) -> ImagePlan:
    found_context, wrapped = await MultiGet(
        Get(ImageContext, ImageContextRequest(request.address)),
        Get(WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="a plan")),
    )
    context, target = found_context.context, wrapped.target
    field_set = DockerPackageFieldSet.create(target)
    more_tags = await MultiGet(
        Get(DockerImageTags, DockerImageTagsRequest, each(target))
        for each in unions.get(DockerImageTagsRequest)
        if each.is_applicable(target)
    )
    image_refs = tuple(
        field_set.image_refs(
            default_repository=options.default_repository,
            registries=options.registries(),
            interpolation_context=context.interpolation_context,
            additional_tags=tuple(chain.from_iterable(more_tags)),
        )
    )
    names = [tag.full_name for registry in image_refs for tag in registry.tags]
    recipe, reason = None, ""
    labels: dict[str, str] = {}
    try:
        more_names, labels = read_options(
            get_build_options(context, field_set, options.build_target_stage, target)
        )
        names += more_names
        check_context_root(field_set.get_context_root(options.default_context_root))
        dockerfile = await Get(
            Digest, DigestSubset(context.digest, PathGlobs([context.dockerfile]))
        )
        instructions = await Get(Instructions, InstructionsRequest(dockerfile, context.dockerfile))
        recipe = read_recipe(
            instructions.values,
            {
                name: value if given else context.build_env.get(name, "")
                for name, given, value in (arg.partition("=") for arg in context.build_args)
            },
        )
    except NotAssemblable as error:
        recipe, reason = None, f"{context.dockerfile}: {error}"
    layers: FrozenDict[str, FileDigest] = FrozenDict()
    parent: ImagePlan | None = None
    if recipe is not None:
        files = context.digest
        if request.architecture is not None:
            made = await Get(
                PlatformLayers, PlatformLayersRequest(target, f"linux/{request.architecture}")
            )
            files = made.digest
        entries = await Get(DigestEntries, Digest, files)
        there = {entry.path: entry for entry in entries if isinstance(entry, FileEntry)}
        for path in recipe.layers:
            if path not in there:
                raise ImageContextError(
                    f"{context.dockerfile} of target {request.address} adds {path!r}, but none of "
                    "the target's dependencies makes that file. The path is that of the target's "
                    f"output: {os.path.dirname(path)}:NAME makes {os.path.dirname(path)}/NAME.tar."
                )
        found = await Get(
            LayerFiles, LayerFilesRequest(tuple(there[path] for path in recipe.layers))
        )
        layers = found.uncompressed
        found_parent = await Get(
            ParentPlan, ParentPlanRequest(target, recipe.base, request.architecture)
        )
        parent = found_parent.plan
        if parent is not None and parent.recipe is None:
            recipe, reason = None, f"its parent {parent.address}: {parent.reason}"
    return ImagePlan(
        request.address,
        image_refs,
        tuple(dict.fromkeys(names)),
        FrozenDict(labels),
        recipe,
        reason,
        layers,
        parent,
    )


@rule
async def find_parent(request: ParentPlanRequest) -> ParentPlan:
    targets = await Get(Targets, DependenciesRequest(request.target[Dependencies]))
    images = [each for each in targets if each.has_field(DockerImageSourceField)]
    plans = await MultiGet(
        Get(ImagePlan, ImagePlanRequest(each.address, request.architecture)) for each in images
    )
    base = request.base
    for plan in plans:
        if base.removeprefix("//") == plan.address.spec.removeprefix("//") or base in plan.names:
            return ParentPlan(plan)
    return ParentPlan(None)


def check_context_root(root: str) -> None:
    """The layers are where the Dockerfile says only with the build root as the context.

    Raises:
        NotAssemblable: it is another folder.
    """
    if root != ".":
        raise NotAssemblable(f"the context root is {root!r} and not the build root")


def read_options(options: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """The names and the labels among the options for `docker build`.

    Raises:
        NotAssemblable: an option is only the engine's.
    """
    names: list[str] = []
    labels: dict[str, str] = {}
    words = iter(options)
    for word in words:
        option, _, value = word.partition("=")
        if option == "--tag":
            names.append(next(words))
        elif option == "--label":
            label, _, text = next(words).partition("=")
            labels[label] = text
        # Where the engine has the base, its builder does not ask for a newer one either.
        elif (option, value) != ("--pull", "False"):
            raise NotAssemblable(f"the option {word} needs a container engine")
    return names, labels


def rules() -> Iterable[object]:
    return collect_rules()
