"""The layers of any `pex_binary`: its requirements, the wheels built here, and its sources.

The PEX itself is not built: each part is a layer of its own, made by cached processes, so that a
change of one moves no other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.subsystems.setuptools import PythonDistributionFieldSet
from pants.backend.python.target_types import (
    InterpreterConstraintsField,
    PexArgsField,
    PexEntryPointField,
    PexEnvField,
    PexScriptField,
    PythonRequirementResolveField,
    PythonRequirementsField,
    PythonResolveField,
    ResolvedPexEntryPoint,
    ResolvePexEntryPointRequest,
)
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.python_sources import (
    PythonSourceFilesRequest,
    StrippedPythonSourceFiles,
)
from pants.core.goals.package import BuiltPackage
from pants.engine.addresses import Address
from pants.engine.fs import AddPrefix, Digest, DigestEntries, FileEntry, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    Target,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.util.frozendict import FrozenDict

from image_layer.bytecode import PackTreeRequest
from image_layer.closure import Closure, ClosureRequest
from image_layer.disjoint import check_disjoint
from image_layer.layers import check_no_files
from image_layer.leave_out import RULES
from image_layer.local_wheels import LocalWheels, LocalWheelsRequest
from image_layer.pack import LayerSpec
from image_layer.pex_command import command_of
from image_layer.pex_groups import grouped
from image_layer.platform_fields import target_platform
from image_layer.target_platform import TargetPlatform
from image_layer.target_types import NO_BYTECODE, LayerGlibcField
from image_layer.tree_layer import TREE
from image_layer.wheels import InstalledWheel, InstalledWheelRequest, Wheel, WheelRequest
from production_closure.graph import ProductionClosure, ProductionClosureRequest

#: Where the sources are in the image.
SOURCES = "/app"


@dataclass(frozen=True)
class PexLayersRequest:
    """The layers of the `pex_binary` at `pex`, for `platform` in the image at `image`."""

    image: Address
    pex: Address
    platform: str


@dataclass(frozen=True)
class PexLayers:
    """`files` are the tars, the lowest first; the rest is how to start what the PEX would."""

    files: tuple[FileEntry, ...]
    entrypoint: tuple[str, ...]
    env: FrozenDict[str, str]


@dataclass(frozen=True)
class _PartsRequest:
    image: Address
    pex: Target
    platform: TargetPlatform


@dataclass(frozen=True)
class _Parts:
    """Trees to install, by the name of the layer, the lowest first."""

    trees: FrozenDict[str, Digest]


@dataclass(frozen=True)
class _PexTargets:
    """What is in a PEX. The sources of its wheels are in these, and are none of its own."""

    requirements: tuple[str, ...]
    wheels: Targets
    sources: Targets


@dataclass(frozen=True)
class _PexTargetsRequest:
    pex: Target


@rule
async def split_pex(request: _PexTargetsRequest, python_setup: PythonSetup) -> _PexTargets:
    pex = request.pex
    resolve = pex[PythonResolveField].normalized_value(python_setup)
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([pex.address]))
    wheels = Targets(x for x in closure.closure if PythonDistributionFieldSet.is_applicable(x))
    packed: set[Address] = set()
    if wheels:
        below = await Get(TransitiveTargets, TransitiveTargetsRequest(x.address for x in wheels))
        packed = {target.address for target in below.closure}
    requirements = {
        str(requirement)
        for target in closure.closure
        if target.has_field(PythonRequirementsField)
        and target[PythonRequirementResolveField].normalized_value(python_setup) == resolve
        for requirement in target[PythonRequirementsField].value
    }
    return _PexTargets(
        tuple(sorted(requirements)),
        wheels,
        Targets(target for target in closure.closure if target.address not in packed),
    )


@rule(desc="Install what a PEX requires")
async def install_parts(request: _PartsRequest, python_setup: PythonSetup) -> _Parts:
    pex = request.pex
    targets = await Get(_PexTargets, _PexTargetsRequest(pex))
    resolve = pex[PythonResolveField].normalized_value(python_setup)
    closure = await Get(Closure, ClosureRequest(resolve, request.platform, targets.requirements))
    names = tuple(closure.ways)
    fetched = await MultiGet(
        Get(Wheel, WheelRequest(closure.wheel(name), closure.lock.path)) for name in names
    )
    wheels = [InstalledWheelRequest(wheel, tuple(RULES), ()) for wheel in fetched]
    projects: tuple[str, ...] = ()
    if targets.wheels:
        local = await Get(
            LocalWheels,
            LocalWheelsRequest(request.image, targets.wheels, Targets(()), request.platform),
        )
        projects = tuple(each.project for each in local.wheels)
        wheels += [InstalledWheelRequest(x.wheel, (), (), x.executables) for x in local.wheels]
    installed = await MultiGet(Get(InstalledWheel, InstalledWheelRequest, x) for x in wheels)
    contents = await MultiGet(Get(DigestEntries, Digest, each.digest) for each in installed)
    check_disjoint(request.image, dict(zip((*names, *projects), contents)))
    trees = dict(zip(names, installed))
    sizes = {name: _size(entries) for name, entries in zip(names, contents)}
    compiled = {name for name, entries in zip(names, contents) if _is_compiled(entries)}
    layers = grouped(sizes, compiled)
    merged = await MultiGet(
        Get(Digest, MergeDigests(trees[name].digest for name in group)) for group in layers.values()
    )
    own = {f"wheel-{name}": x.digest for name, x in zip(projects, installed[len(names) :])}
    return _Parts(FrozenDict({**dict(zip(layers, merged)), **own}))


def _size(entries: DigestEntries) -> int:
    return sum(x.file_digest.serialized_bytes_length for x in entries if isinstance(x, FileEntry))


def _is_compiled(entries: DigestEntries) -> bool:
    return any(entry.path.endswith(".so") for entry in entries)


@rule(desc="Make the layers of a PEX")
async def make_pex_layers(request: PexLayersRequest, python_setup: PythonSetup) -> PexLayers:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(request.pex, description_of_origin="an image")
    )
    pex = wrapped.target
    await Get(ProductionClosure, ProductionClosureRequest(request.pex))
    platform = target_platform(
        request.pex,
        request.platform,
        LayerGlibcField(None, request.image),
        pex[InterpreterConstraintsField],
        python_setup,
    )
    parts, targets, entry_point = await MultiGet(
        Get(_Parts, _PartsRequest(request.image, pex, platform)),
        Get(_PexTargets, _PexTargetsRequest(pex)),
        Get(ResolvedPexEntryPoint, ResolvePexEntryPointRequest(pex[PexEntryPointField])),
    )
    check_no_files(request.image, "pex", targets.sources)
    sources = await Get(
        StrippedPythonSourceFiles,
        PythonSourceFilesRequest(targets.sources, include_resources=True, include_files=False),
    )
    trees = {name: (digest, site_packages(platform)) for name, digest in parts.trees.items()}
    snapshot = sources.stripped_source_files.snapshot
    if snapshot.files:
        trees["sources"] = (await Get(Digest, AddPrefix(snapshot.digest, TREE)), SOURCES)
    python = InterpreterConstraints(
        pex[InterpreterConstraintsField].value_or_global_default(python_setup)
    )
    prefix = os.path.join(request.image.spec_path, request.image.target_name)
    packages = await MultiGet(
        Get(
            BuiltPackage,
            PackTreeRequest(
                tree,
                LayerSpec(
                    target=request.image.spec,
                    output=f"{prefix}.{name}.tar",
                    tree=TREE,
                    path=path.strip("/"),
                ),
                NO_BYTECODE,
                python,
            ),
        )
        for name, (tree, path) in trees.items()
    )
    listings = await MultiGet(Get(DigestEntries, Digest, each.digest) for each in packages)
    return PexLayers(
        tuple(entry for each in listings for entry in each if isinstance(entry, FileEntry)),
        (*command_of(entry_point.val, pex[PexScriptField].value), *(pex[PexArgsField].value or ())),
        pex[PexEnvField].value or FrozenDict(),
    )


def site_packages(platform: TargetPlatform) -> str:
    """Where the official images of Python have what is installed."""
    major, minor = platform.python
    return f"/usr/local/lib/python{major}.{minor}/site-packages"


def rules() -> Iterable[object]:
    return collect_rules()
