"""The layers of any `pex_binary`: its requirements, the wheels built here, and its sources.

The PEX itself is not built: each part is a layer of its own, made by cached processes, so that a
change of one moves no other. Layers are named after the PEX: images of one PEX share them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import (
    PexArgsField,
    PexEntryPointField,
    PexEnvField,
    PexScriptField,
    ResolvedPexEntryPoint,
    ResolvePexEntryPointRequest,
)
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
)
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.layers import pex_targets
from qingkong_build.oci.layers.bytecode import PackTreeRequest
from qingkong_build.oci.layers.disjoint import check_disjoint
from qingkong_build.oci.layers.layers import check_no_files
from qingkong_build.oci.layers.leave_out import RULES
from qingkong_build.oci.layers.local_wheels import (
    LocalWheel,
    LocalWheelInputs,
    LocalWheels,
    LocalWheelsRequest,
)
from qingkong_build.oci.layers.pack import LayerSpec
from qingkong_build.oci.layers.pex_checks import check_not_locked, check_one_of_each
from qingkong_build.oci.layers.pex_command import command_of
from qingkong_build.oci.layers.pex_fields import (
    PexBytecodeField,
    PexField,
    PexLayersField,
)
from qingkong_build.oci.layers.pex_groups import SOURCES, checked, grouped, wheel_layer
from qingkong_build.oci.layers.pex_targets import PexRequest, PexTargets
from qingkong_build.oci.layers.tree_layer import TREE
from qingkong_build.oci.layers.wheels import (
    InstalledWheel,
    InstalledWheelRequest,
    LockedWheelRequest,
)
from qingkong_build.python_lock.closure import Closure, ClosureRequest
from qingkong_build.python_lock.lock_rules import ProductionLock, ProductionLockRequest
from qingkong_build.python_lock.locked_wheel import WheelRequest
from qingkong_build.python_lock.target_platform import TargetPlatform

#: Where the sources are in the image.
SOURCES_PATH = "/app"


@dataclass(frozen=True)
class PexLayers:
    """All layers of the PEX.

    `files` are the tars, the lowest first; `entrypoint` and `env` start what the PEX would.
    `is_on_pex` is whether they are on top of the layers of another PEX.
    """

    files: tuple[FileEntry, ...]
    entrypoint: tuple[str, ...]
    env: FrozenDict[str, str]
    is_on_pex: bool


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
class _PexWheels:
    """The wheels that are built here, and what each installs."""

    wheels: tuple[LocalWheel, ...]
    installed: tuple[InstalledWheel, ...]


@dataclass(frozen=True)
class _InstalledPex:
    """What the distributions of a PEX install, without those that the image below has.

    `trees` has what each installs, by its name; `wheels` are those of them that are built here;
    `groups` are the layers that the `image` names.
    """

    image: Address
    trees: FrozenDict[str, Digest]
    groups: FrozenDict[str, tuple[str, ...]]
    wheels: tuple[LocalWheel, ...]
    below: _InstalledPex | None

    @property
    def lineage(self) -> tuple[_InstalledPex, ...]:
        """Itself, and those below."""
        return (self, *(self.below.lineage if self.below else ()))


# Before the rules that call it: Pants reads the `Get`s of helpers that it has already seen.
async def _pack(
    image: Target,
    targets: PexTargets,
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


@rule
async def install_pex(request: PexRequest, python_setup: PythonSetup) -> _InstalledPex:
    targets = await Get(PexTargets, PexRequest, request)
    address, pex = request.image.address, targets.pex.address
    platform = targets.platform(request.platform, python_setup)
    local = targets.local_wheels(platform)
    # First what the compiler needs, which then runs for as long as all others of these together.
    _, _, closure, *belows = await MultiGet(
        Get(LocalWheelInputs, LocalWheelsRequest, local),
        Get(ProductionLock, ProductionLockRequest(pex, targets.resolve)),
        Get(Closure, ClosureRequest(targets.resolve, platform, targets.requirements)),
        *(
            Get(_InstalledPex, PexRequest(each.image, request.platform))
            for each in (targets.below,)
            if each
        ),
    )
    below = belows[0] if belows else None
    held = {name: x.image for each in belows for x in each.lineage for name in x.trees}
    names = [name for name in closure.ways if name not in held]
    wanted = request.image[PexLayersField].value or FrozenDict()
    groups = checked(PexLayersField.alias, address, wanted, names, pex, held)
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
    trees = dict(zip(names, (each.digest for each in locked)))
    trees.update(zip((x.project for x in built.wheels), (x.digest for x in built.installed)))
    installed = _InstalledPex(address, FrozenDict(trees), FrozenDict(groups), built.wheels, below)
    wheels = [wheel for each in installed.lineage for wheel in each.wheels]
    check_one_of_each(address, pex, wheels)
    check_not_locked(address, pex, wheels, closure)
    return installed


@rule(desc="Make the layers of a PEX with distributions")
async def make_distribution_layers(
    request: PexRequest, python_setup: PythonSetup
) -> PexDistributions:
    image = request.image
    targets, installed = await MultiGet(
        Get(PexTargets, PexRequest, request), Get(_InstalledPex, PexRequest, request)
    )
    address, pex = image.address, targets.pex.address
    builders = {each.project: each.target for each in installed.wheels}
    every = [tree for each in installed.lineage for tree in each.trees.items()]
    listings = await MultiGet(Get(DigestEntries, Digest, tree) for _, tree in every)
    contents = dict(zip((name for name, _ in every), listings))
    check_disjoint(address, contents, f"Fix: leave one of the two out of what {pex} requires.")
    locked = {name: contents[name] for name in installed.trees if name not in builders}
    layers = grouped(
        {name: _size(entries) for name, entries in locked.items()},
        {name for name, entries in locked.items() if _is_compiled(entries)},
        installed.groups,
    )
    layers.update({wheel_layer(project): (project,) for project in builders})
    merged = await MultiGet(
        Get(Digest, MergeDigests(installed.trees[name] for name in group))
        for group in layers.values()
    )
    path = site_packages(targets.platform(request.platform, python_setup))
    files = await _pack(image, targets, dict(zip(layers, merged)), path, python_setup)
    by_layer = {wheel_layer(project): target for project, target in builders.items()}
    return PexDistributions(
        targets.resolve,
        targets.requirements,
        tuple(
            PexLayer(layer_name(pex, name), file, by_layer.get(name))
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
    targets = await Get(PexTargets, PexRequest, request)
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
        targets.below is not None,
    )


def site_packages(platform: TargetPlatform) -> str:
    """Where the official images of Python have what is installed."""
    major, minor = platform.python
    return f"/usr/local/lib/python{major}.{minor}/site-packages"


def rules() -> Iterable[object]:
    return (*collect_rules(), *pex_targets.rules())
