"""The layers of any `pex_binary`: its requirements, the wheels built here, and its sources.

The PEX itself is not built: each part is a layer of its own, made by cached processes, so that a
change of one moves no other. Layers are named after the PEX: images of one PEX share them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.subsystems.setuptools import PythonDistributionFieldSet
from pants.backend.python.target_types import (
    InterpreterConstraintsField,
    PexArgsField,
    PexEntryPointField,
    PexEnvField,
    PexScriptField,
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
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.fs import AddPrefix, Digest, DigestEntries, FileEntry, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    Target,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
)
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.layers.bytecode import PackTreeRequest
from qingkong_build.oci.layers.disjoint import check_disjoint
from qingkong_build.oci.layers.layers import check_no_files
from qingkong_build.oci.layers.leave_out import RULES
from qingkong_build.oci.layers.local_wheels import (
    LocalWheel,
    LocalWheelInputs,
    LocalWheels,
    LocalWheelsRequest,
    WheelFields,
)
from qingkong_build.oci.layers.pack import LayerSpec
from qingkong_build.oci.layers.pex_checks import check_not_locked, check_platforms, for_platform
from qingkong_build.oci.layers.pex_command import command_of
from qingkong_build.oci.layers.pex_fields import (
    PexBytecodeField,
    PexField,
    PexLayersField,
    PexOtherPlatformsField,
)
from qingkong_build.oci.layers.pex_groups import SOURCES, checked, grouped, wheel_layer
from qingkong_build.oci.layers.platform_fields import target_platform
from qingkong_build.oci.layers.target_types import LayerGlibcField
from qingkong_build.oci.layers.tree_layer import TREE
from qingkong_build.oci.layers.wheels import (
    InstalledWheel,
    InstalledWheelRequest,
    LockedWheelRequest,
)
from qingkong_build.oci.layout.field_error import invalid
from qingkong_build.oci.layout.rules import addresses_in
from qingkong_build.python_lock.closure import Closure, ClosureRequest
from qingkong_build.python_lock.graph import ProductionClosure, ProductionClosureRequest
from qingkong_build.python_lock.lock_rules import ProductionLock, ProductionLockRequest
from qingkong_build.python_lock.locked_wheel import WheelRequest
from qingkong_build.python_lock.requirements import requirements_of
from qingkong_build.python_lock.target_platform import DEFAULT_PLATFORM, TargetPlatform

#: Where the sources are in the image.
SOURCES_PATH = "/app"


@dataclass(frozen=True)
class PexRequest:
    """The `pex` of `image`, for `platform`, e.g. `linux/arm64`."""

    image: Target
    platform: str = DEFAULT_PLATFORM


@dataclass(frozen=True)
class PexLayers:
    """All layers of the PEX.

    `files` are the tars, the lowest first; the rest is how to start what the PEX would.
    """

    files: tuple[FileEntry, ...]
    entrypoint: tuple[str, ...]
    env: FrozenDict[str, str]


@dataclass(frozen=True)
class PexLayer:
    """`built_by` makes the wheel that it holds; None where the lockfile has what it holds."""

    name: str
    file: FileEntry
    built_by: Address | None


@dataclass(frozen=True)
class PexDistributions:
    """The layers of the PEX that hold distributions.

    `requirements` are what the code asks for of the lockfile of `resolve`.
    """

    resolve: str
    requirements: tuple[str, ...]
    layers: tuple[PexLayer, ...]


@dataclass(frozen=True)
class _PexTargets:
    """What is in a PEX. The sources of its wheels are in these, and are none of its own.

    `others` are for the platform, in place of those of its wheels that are not.
    """

    pex: Target
    resolve: str
    requirements: tuple[str, ...]
    wheels: Targets
    others: Targets
    sources: Targets

    def python(self, python_setup: PythonSetup) -> InterpreterConstraints:
        """Which interpreter runs it."""
        field = self.pex[InterpreterConstraintsField]
        return InterpreterConstraints(field.value_or_global_default(python_setup))

    def platform(self, name: str, python_setup: PythonSetup) -> TargetPlatform:
        """What its wheels have to be for."""
        address = self.pex.address
        constraints = self.pex[InterpreterConstraintsField]
        glibc = LayerGlibcField(None, address)
        return target_platform(address, name, glibc, constraints, python_setup)

    def local_wheels(self, image: Address, platform: TargetPlatform) -> LocalWheelsRequest:
        """Its wheels that are built here, for `platform`; without any, the others replace none."""
        fields = WheelFields(image, PexField.alias, PexOtherPlatformsField.alias)
        if not self.wheels:
            return LocalWheelsRequest(fields, Targets(()), Targets(()), platform)
        check_platforms(image, self.pex.address, self.wheels, self.others, platform.name)
        return LocalWheelsRequest(fields, self.wheels, self.others, platform)


@rule
async def split_pex(request: PexRequest, python_setup: PythonSetup) -> _PexTargets:
    image, field = request.image, request.image[PexField]
    value = str(field.value)
    named, others = await MultiGet(
        Get(Targets, UnparsedAddressInputs, addresses_in(image.address, field.alias, (value,))),
        Get(
            Targets,
            UnparsedAddressInputs,
            image[PexOtherPlatformsField].to_unparsed_address_inputs(),
        ),
    )
    pex = named.expect_single()
    if not pex.has_field(PexEntryPointField):
        raise invalid(
            *(field.alias, image.address, value, f"{pex.address} is no `pex_binary`"),
            "name one",
        )
    # The rest is for other images: nothing is asked of it, such as a compiler.
    fitting = Targets(for_platform(image.address, others, request.platform))
    await MultiGet(
        Get(ProductionClosure, ProductionClosureRequest(each.address)) for each in (pex, *fitting)
    )
    resolve = pex[PythonResolveField].normalized_value(python_setup)
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([pex.address]))
    wheels = Targets(x for x in closure.closure if PythonDistributionFieldSet.is_applicable(x))
    packed: set[Address] = set()
    if wheels:
        below = await Get(TransitiveTargets, TransitiveTargetsRequest(x.address for x in wheels))
        packed = {target.address for target in below.closure}
    return _PexTargets(
        pex,
        resolve,
        requirements_of(closure.closure, resolve, python_setup),
        wheels,
        fitting,
        Targets(target for target in closure.closure if target.address not in packed),
    )


@dataclass(frozen=True)
class _PexWheels:
    """The wheels that are built here, and what each installs."""

    wheels: tuple[LocalWheel, ...]
    installed: tuple[InstalledWheel, ...]


# Before the rules that call it: Pants reads the `Get`s of helpers that it has already seen.
async def _pack(
    image: Target,
    targets: _PexTargets,
    trees: Mapping[str, Digest],
    path: str,
    python_setup: PythonSetup,
) -> tuple[FileEntry, ...]:
    """A tar of each of the trees, by the names of their layers."""
    pex = targets.pex.address
    packages = await MultiGet(
        Get(
            BuiltPackage,
            PackTreeRequest(
                tree,
                LayerSpec(
                    target=layer_name(pex, name),
                    output=os.path.join(pex.spec_path, f"{pex.target_name}.{name}.tar"),
                    tree=TREE,
                    path=path.strip("/"),
                ),
                image[PexBytecodeField].value,
                targets.python(python_setup),
            ),
        )
        for name, tree in trees.items()
    )
    listings = await MultiGet(Get(DigestEntries, Digest, each.digest) for each in packages)
    return tuple(entry for each in listings for entry in each if isinstance(entry, FileEntry))


def layer_name(pex: Address, name: str) -> str:
    """What errors and lists call a layer, e.g. `deploy:server (requirements)`."""
    return f"{pex} ({name})"


@rule
async def install_pex_wheels(request: LocalWheelsRequest) -> _PexWheels:
    if not request.dependencies:
        return _PexWheels((), ())
    local = await Get(LocalWheels, LocalWheelsRequest, request)
    installed = await MultiGet(
        Get(InstalledWheel, InstalledWheelRequest(each.wheel, (), (), each.executables))
        for each in local.wheels
    )
    return _PexWheels(local.wheels, tuple(installed))


@rule(desc="Make the layers of a PEX with distributions")
async def make_distribution_layers(
    request: PexRequest, python_setup: PythonSetup
) -> PexDistributions:
    image = request.image
    targets = await Get(_PexTargets, PexRequest, request)
    address, pex = image.address, targets.pex.address
    platform = targets.platform(request.platform, python_setup)
    _, closure = await MultiGet(
        Get(ProductionLock, ProductionLockRequest(pex, targets.resolve)),
        Get(Closure, ClosureRequest(targets.resolve, platform, targets.requirements)),
    )
    names = tuple(closure.ways)
    groups = checked(PexLayersField.alias, address, image[PexLayersField].value or {}, names, pex)
    local = targets.local_wheels(address, platform)
    # First what the compiler needs, which then runs for as long as all others of these together.
    await Get(LocalWheelInputs, LocalWheelsRequest, local)
    built, *locked = await MultiGet(
        Get(_PexWheels, LocalWheelsRequest, local),
        *(
            Get(
                InstalledWheel,
                LockedWheelRequest(
                    WheelRequest(closure.wheel(name), closure.lock.path), tuple(RULES), ()
                ),
            )
            for name in names
        ),
    )
    check_not_locked(address, pex, built.wheels, closure)
    installed = (*locked, *built.installed)
    listings = await MultiGet(Get(DigestEntries, Digest, each.digest) for each in installed)
    projects = (*names, *(each.project for each in built.wheels))
    contents, trees = dict(zip(projects, listings)), dict(zip(projects, installed))
    check_disjoint(address, contents, f"Fix: leave one of the two out of what {pex} requires.")
    layers = grouped(
        {name: _size(contents[name]) for name in names},
        {name for name in names if _is_compiled(contents[name])},
        groups,
    )
    builders = {wheel_layer(each.project): each.target for each in built.wheels}
    layers.update({wheel_layer(each.project): (each.project,) for each in built.wheels})
    merged = await MultiGet(
        Get(Digest, MergeDigests(trees[name].digest for name in group)) for group in layers.values()
    )
    files = await _pack(
        image, targets, dict(zip(layers, merged)), site_packages(platform), python_setup
    )
    return PexDistributions(
        targets.resolve,
        targets.requirements,
        tuple(
            PexLayer(layer_name(pex, name), file, builders.get(name))
            for name, file in zip(layers, files)
        ),
    )


def _size(entries: DigestEntries) -> int:
    return sum(x.file_digest.serialized_bytes_length for x in entries if isinstance(x, FileEntry))


def _is_compiled(entries: DigestEntries) -> bool:
    return any(entry.path.endswith(".so") for entry in entries)


@rule(desc="Make the layers of a PEX")
async def make_pex_layers(request: PexRequest, python_setup: PythonSetup) -> PexLayers:
    image = request.image
    targets = await Get(_PexTargets, PexRequest, request)
    pex = targets.pex
    check_no_files(image.address, PexField.alias, targets.sources)
    distributions, sources, entry_point = await MultiGet(
        Get(PexDistributions, PexRequest, request),
        Get(
            StrippedPythonSourceFiles,
            PythonSourceFilesRequest(targets.sources, include_resources=True, include_files=False),
        ),
        Get(ResolvedPexEntryPoint, ResolvePexEntryPointRequest(pex[PexEntryPointField])),
    )
    files = tuple(layer.file for layer in distributions.layers)
    snapshot = sources.stripped_source_files.snapshot
    if snapshot.files:
        tree = await Get(Digest, AddPrefix(snapshot.digest, TREE))
        files += await _pack(image, targets, {SOURCES: tree}, SOURCES_PATH, python_setup)
    return PexLayers(
        files,
        (*command_of(entry_point.val, pex[PexScriptField].value), *(pex[PexArgsField].value or ())),
        pex[PexEnvField].value or FrozenDict(),
    )


def site_packages(platform: TargetPlatform) -> str:
    """Where the official images of Python have what is installed."""
    major, minor = platform.python
    return f"/usr/local/lib/python{major}.{minor}/site-packages"


def rules() -> Iterable[object]:
    return collect_rules()
