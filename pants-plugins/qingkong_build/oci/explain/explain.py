"""`pants run` of an `image_explanation`: gathers why, and prints it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementsField, PythonSourceField
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.core.goals.package import BuiltPackage
from pants.core.goals.run import (
    RunFieldSet,
    RunInSandboxBehavior,
    RunRequest,
    RunSubsystem,
)
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    InvalidFieldException,
    Target,
    TransitiveTargets,
    TransitiveTargetsRequest,
)

from qingkong_build.oci.explain.facts import (
    LayerContent,
    LayerContentRequest,
    LockExplanation,
    LockExplanationRequest,
)
from qingkong_build.oci.explain.page import PAGE, ImagePage, ImagePageRequest
from qingkong_build.oci.explain.target_types import ImageExplanationDependenciesField
from qingkong_build.oci.layers.packaging import ImageLayerRequest
from qingkong_build.oci.layers.pex_fields import PexField
from qingkong_build.oci.layers.pex_layers import PexDistributions
from qingkong_build.oci.layers.pex_targets import PexRequest
from qingkong_build.oci.layers.target_types import (
    LayerPathField,
    RequirementsLayerResolveField,
    SourcesLayerDependenciesField,
)
from qingkong_build.python_lock.lock_graph import normalised
from qingkong_build.python_lock.lock_rules import Declarations
from qingkong_build.sandbox.script import Script

_DATA = "explanation.json"
_SHOW = Script("qingkong_build.oci.explain", "show_explanation")


@dataclass(frozen=True)
class ImageExplanationFieldSet(RunFieldSet):
    required_fields = (ImageExplanationDependenciesField,)
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED

    dependencies: ImageExplanationDependenciesField


@dataclass(frozen=True)
class Explanation:
    """JSON, as scripts/show_explanation.py reads it."""

    text: bytes


@dataclass(frozen=True)
class _Layer:
    """A layer with distributions: those that `lock` explains, or that targets have built."""

    content: LayerContentRequest
    lock: LockExplanationRequest | None
    built_by: tuple[Address, ...]


@dataclass(frozen=True)
class _Image:
    """What is asked for it: each layer with distributions, and what the first-party code uses."""

    layers: tuple[_Layer, ...]
    users: dict[Address, list[str]]
    projects: dict[str, list[Address]]


def holds_distributions(target: Target) -> bool:
    """Whether a target is a layer with distributions."""
    return target.has_field(LayerPathField) and not target.has_field(SourcesLayerDependenciesField)


# Before the rules that call them: Pants reads the `Get`s of helpers that it has already seen.
async def _layers_of_targets(
    targets: Iterable[Target], dependencies: Mapping[Address, tuple[Address, ...]]
) -> tuple[_Layer, ...]:
    layers = tuple(target for target in targets if holds_distributions(target))
    built = await MultiGet(Get(BuiltPackage, ImageLayerRequest(target)) for target in layers)
    found = []
    for target, package in zip(layers, built):
        files = tuple(x.relpath for x in package.artifacts if x.relpath)
        content = LayerContentRequest(target.address.spec, package.digest, files)
        if target.has_field(RequirementsLayerResolveField):
            resolve = target[RequirementsLayerResolveField].value
            found.append(_Layer(content, LockExplanationRequest(resolve), ()))
        else:
            found.append(_Layer(content, None, dependencies[target.address]))
    return tuple(found)


async def _layers_of_pexes(targets: Iterable[Target]) -> tuple[_Layer, ...]:
    """Of the images that are made of a `pex_binary`."""
    pexes = await MultiGet(
        Get(PexDistributions, PexRequest(target))
        for target in targets
        if target.has_field(PexField) and target[PexField].value is not None
    )
    pairs = [(pex, layer) for pex in pexes for layer in pex.layers]
    digests = await MultiGet(Get(Digest, CreateDigest([layer.file])) for _, layer in pairs)
    return tuple(
        _Layer(
            LayerContentRequest(layer.name, digest, (layer.file.path,)),
            None if layer.built_by else LockExplanationRequest(pex.resolve, pex.requirements),
            (layer.built_by,) if layer.built_by else (),
        )
        for (pex, layer), digest in zip(pairs, digests)
    )


async def _look_at(address: Address) -> _Image:
    transitive = await Get(TransitiveTargets, TransitiveTargetsRequest([address]))
    targets = tuple(transitive.closure)
    found = await MultiGet(
        Get(Addresses, DependenciesRequest(target.get(Dependencies))) for target in targets
    )
    users: defaultdict[Address, list[str]] = defaultdict(list)
    projects: defaultdict[str, list[Address]] = defaultdict(list)
    for target, addresses in zip(targets, found):
        if target.has_field(PythonSourceField):
            for used in addresses:
                users[used].append(target[PythonSourceField].file_path)
        if target.has_field(PythonRequirementsField):
            for requirement in target[PythonRequirementsField].value:
                projects[normalised(requirement.project_name)].append(target.address)
    dependencies = {target.address: tuple(x) for target, x in zip(targets, found)}
    layers = (
        *await _layers_of_targets(targets, dependencies),
        *await _layers_of_pexes(targets),
    )
    return _Image(layers, users, projects)


@rule(desc="Explain what is in an image")
async def explain(field_set: ImageExplanationFieldSet) -> Explanation:
    image = await _look_at(field_set.address)
    if not image.layers:
        raise InvalidFieldException(
            f"The {field_set.dependencies.alias!r} field in target {field_set.address} leads to no "
            "layer with distributions. Name an image that is made of them, or the layers."
        )
    requests = tuple({layer.lock: None for layer in image.layers if layer.lock is not None})
    declarations, contents, explanations = (
        await Get(Declarations),
        await MultiGet(
            Get(LayerContent, LayerContentRequest, layer.content) for layer in image.layers
        ),
        await MultiGet(
            Get(LockExplanation, LockExplanationRequest, request) for request in requests
        ),
    )
    locks = dict(zip(requests, explanations))
    explained = []
    for layer, content in zip(image.layers, contents):
        for distribution in json.loads(content.text):
            name = normalised(distribution["name"])
            chains: list[list[str]] = []
            if layer.lock is not None:
                lock = locks[layer.lock]
                found = lock.graph.chains_to(name, lock.holds)
                chains = [[step.text for step in chain] for chain in found]
            declared = declarations.others.get(name)
            used = [*image.projects.get(name, ()), *layer.built_by]
            entry: dict[str, Any] = {
                **distribution,
                "name": name,
                "layer": layer.content.layer,
                "declared_by": declared.address.spec if declared else None,
                "built_by": [address.spec for address in layer.built_by],
                "chains": chains,
                "imported_by": sorted({file for one in used for file in image.users.get(one, ())}),
            }
            explained.append(entry)
    explained.sort(key=lambda entry: str(entry["name"]))
    return Explanation(json.dumps(explained, indent=1).encode())


@rule
async def run_explanation(
    field_set: ImageExplanationFieldSet, python_setup: PythonSetup, run: RunSubsystem
) -> RunRequest:
    explanation, python = await MultiGet(
        Get(Explanation, ImageExplanationFieldSet, field_set),
        Get(
            PythonExecutable,
            InterpreterConstraints,
            InterpreterConstraints(python_setup.interpreter_constraints),
        ),
    )
    digest = await Get(Digest, CreateDigest([*_SHOW.files(), FileContent(_DATA, explanation.text)]))
    # It runs in the workspace, beside which the sandbox is.
    args = [python.path, "-I", f"{{chroot}}/{_SHOW.path}", f"{{chroot}}/{_DATA}"]
    # The image is built for its page alone.
    if any(arg == "--html" or arg.startswith("--html=") for arg in run.args):
        page = await Get(ImagePage, ImagePageRequest(field_set.address, field_set.dependencies))
        digest = await Get(Digest, MergeDigests([digest, page.digest]))
        args.append(f"--page={{chroot}}/{PAGE}")
    return RunRequest(digest=digest, args=args)


def rules() -> Iterable[object]:
    return (*collect_rules(), *ImageExplanationFieldSet.rules())
