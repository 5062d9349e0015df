"""Wheels layers: what is built in the repository, installed for one platform."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name, parse_wheel_filename
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.subsystems.setuptools import PythonDistributionFieldSet
from pants.backend.python.target_types import InterpreterConstraintsField
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.python_sources import (
    PythonSourceFilesRequest,
    StrippedPythonSourceFiles,
)
from pants.core.goals.package import BuiltPackage, PackageFieldSet
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestEntries,
    FileEntry,
    MergeDigests,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    DependenciesRequest,
    InvalidFieldException,
    Target,
    Targets,
    TransitiveTargets,
    TransitiveTargetsRequest,
)

from qingkong_build.native_wheel import build_process
from qingkong_build.native_wheel.build_process import (
    BuiltNativeWheel,
    NativeWheelBuildRequest,
    NativeWheelProcess,
    NativeWheelRequest,
)
from qingkong_build.native_wheel.target_types import (
    NativeWheelPlatformField,
    NativeWheelProjectField,
)
from qingkong_build.oci.layers.bytecode import PackTreeRequest
from qingkong_build.oci.layers.disjoint import check_disjoint
from qingkong_build.oci.layers.platform_fields import target_platform
from qingkong_build.oci.layers.target_types import (
    LayerGlibcField,
    LayerPathField,
    LayerPlatformField,
    WheelsLayerDependenciesField,
    WheelsLayerOtherPlatformsField,
)
from qingkong_build.oci.layers.tree_layer import TreeLayerFieldSet
from qingkong_build.oci.layers.wheels import InstalledWheel, InstalledWheelRequest
from qingkong_build.python_lock.graph import ProductionClosure, ProductionClosureRequest
from qingkong_build.python_lock.locked_wheel import Wheel
from qingkong_build.python_lock.target_platform import TargetPlatform


@dataclass(frozen=True)
class WheelsLayerFieldSet(TreeLayerFieldSet):
    required_fields = (WheelsLayerDependenciesField, LayerPathField)

    dependencies: WheelsLayerDependenciesField
    others: WheelsLayerOtherPlatformsField
    platform: LayerPlatformField
    glibc: LayerGlibcField
    interpreter_constraints: InterpreterConstraintsField


@dataclass(frozen=True)
class WheelsLayerRequest:
    """The layer for `platform`; None is the target's own."""

    field_set: WheelsLayerFieldSet
    platform: str | None


@dataclass(frozen=True)
class BuiltWheel:
    """A wheel, and the target that it was built by."""

    wheel: Wheel
    target: Address

    @property
    def project(self) -> str:
        return str(canonicalize_name(parse_wheel_filename(self.wheel.filename)[0]))

    def fits(self, platform: TargetPlatform) -> bool:
        return not parse_wheel_filename(self.wheel.filename)[3].isdisjoint(platform.tags())


def for_another_platform(target: Target, platform: str) -> bool:
    """Whether a target says that it makes nothing for this platform: it need not be built."""
    if not target.has_field(NativeWheelPlatformField):
        return False
    return target[NativeWheelPlatformField].value not in (None, platform)


def candidates(
    dependencies: Iterable[Target], others: Iterable[Target], platform: str
) -> list[Target]:
    """Those that may make a wheel for `platform`, without what the `others` take the place of."""
    fitting = [
        each
        for each in others
        if each.has_field(NativeWheelPlatformField)
        and each[NativeWheelPlatformField].value == platform
    ]
    replaced = {canonicalize_name(each[NativeWheelProjectField].value) for each in fitting}
    kept = [
        each
        for each in dependencies
        if PythonDistributionFieldSet.is_applicable(each)
        and not for_another_platform(each, platform)
        and not (
            each.has_field(NativeWheelProjectField)
            and canonicalize_name(each[NativeWheelProjectField].value) in replaced
        )
    ]
    return [*kept, *fitting]


@dataclass(frozen=True)
class WheelFields:
    """The fields that name wheels, of the target at `owner`."""

    owner: Address
    dependencies: str = WheelsLayerDependenciesField.alias
    others: str = WheelsLayerOtherPlatformsField.alias


def check_distributions(owner: Address, field: str, targets: Iterable[Target]) -> None:
    """Refuse what would not be in the layer."""
    for target in targets:
        if not PythonDistributionFieldSet.is_applicable(target):
            raise InvalidFieldException(
                f"packing {owner}: {field}={target.address}: a "
                f"`{target.alias}` target makes no wheel, and is no part of this layer. Fix: name "
                "`native_wheel` or `python_distribution` targets, or use the layer that is for it: "
                "`sources_layer`, `files_layer`."
            )


def choose(
    fields: WheelFields, built: Sequence[BuiltWheel], platform: TargetPlatform
) -> list[BuiltWheel]:
    """The wheels to install: one of each project.

    Raises:
        InvalidFieldException: there is none, or more than one, of a project.
    """
    packing = f"packing {fields.owner}: {fields.dependencies}"
    chosen: dict[str, BuiltWheel] = {}
    for each in built:
        if not each.fits(platform):
            continue
        other = chosen.setdefault(each.project, each)
        if other is not each:
            raise InvalidFieldException(
                f"{packing}={[str(other.target), str(each.target)]}: both make {each.project} "
                f"for {platform.name}. Fix: leave one of them out."
            )
    for each in built:
        if each.project not in chosen:
            raise InvalidFieldException(
                f"{packing}={each.target}: it made {each.wheel.filename}, which is not for "
                f"{platform}. Fix: ask for another platform, or add a `native_wheel` with that "
                f"platform to {fields.others!r}."
            )
    if not chosen:
        raise InvalidFieldException(
            f"{packing}: nothing that it names makes a wheel for {platform.name}. Fix: add a "
            "`native_wheel` or `python_distribution` that makes one."
        )
    return list(chosen.values())


@dataclass(frozen=True)
class SourceModesRequest:
    """For the `python_distribution` at `address`."""

    address: Address


@dataclass(frozen=True)
class SourceModes:
    """The sources of the target at `address` that are executable, without their source roots."""

    address: Address
    executables: tuple[str, ...]


@rule
async def source_modes(request: SourceModesRequest) -> SourceModes:
    closure = await Get(TransitiveTargets, TransitiveTargetsRequest([request.address]))
    sources = await Get(
        StrippedPythonSourceFiles, PythonSourceFilesRequest(closure.closure, include_resources=True)
    )
    entries = await Get(DigestEntries, Digest, sources.stripped_source_files.snapshot.digest)
    return SourceModes(
        request.address,
        tuple(x.path for x in entries if isinstance(x, FileEntry) and x.is_executable),
    )


@dataclass(frozen=True)
class DistributionRequest:
    """Build the distributions of `target`."""

    target: Target


@dataclass(frozen=True)
class BuiltDistribution:
    digest: Digest


@rule
async def build_distribution(request: DistributionRequest) -> BuiltDistribution:
    target = request.target
    if target.has_field(NativeWheelProjectField):
        # Not through Pants' front end, which would start a PEX to copy the wheel.
        build = await Get(NativeWheelBuildRequest, NativeWheelRequest(target.address))
        wheel = await Get(BuiltNativeWheel, NativeWheelBuildRequest, build)
        return BuiltDistribution(wheel.digest)
    field_set = PythonDistributionFieldSet.create(target)
    package = await Get(BuiltPackage, PackageFieldSet, field_set)
    return BuiltDistribution(package.digest)


@dataclass(frozen=True)
class LocalWheelsRequest:
    """The wheels that these targets make, which `fields` name.

    The `others` take the place of those of the same project that are for another platform.
    """

    fields: WheelFields
    dependencies: Targets
    others: Targets
    platform: TargetPlatform


@dataclass(frozen=True)
class LocalWheel:
    """`executables` are its files to make executable; None takes the wheel's word for it."""

    project: str
    target: Address
    wheel: Wheel
    executables: tuple[str, ...] | None


@dataclass(frozen=True)
class LocalWheels:
    """One of each project."""

    wheels: tuple[LocalWheel, ...]


@dataclass(frozen=True)
class LocalWheelInputs:
    """All that the builds of the native wheels need is in Pants' store.

    A request for the wheels then waits for the compilers alone, which come first among all that
    is requested at the same time: as many processes run as there are processors.
    """


@rule
async def get_local_wheel_inputs(request: LocalWheelsRequest) -> LocalWheelInputs:
    wanted = candidates(request.dependencies, request.others, request.platform.name)
    builds = await MultiGet(
        Get(NativeWheelBuildRequest, NativeWheelRequest(each.address))
        for each in wanted
        if each.has_field(NativeWheelProjectField)
    )
    await MultiGet(Get(NativeWheelProcess, NativeWheelBuildRequest, build) for build in builds)
    return LocalWheelInputs()


@rule(desc="Build wheels for a layer")
async def build_local_wheels(request: LocalWheelsRequest) -> LocalWheels:
    fields = request.fields
    check_distributions(fields.owner, fields.dependencies, request.dependencies)
    check_distributions(fields.owner, fields.others, request.others)
    wanted = candidates(request.dependencies, request.others, request.platform.name)
    made = await MultiGet(Get(BuiltDistribution, DistributionRequest(each)) for each in wanted)
    contents = await MultiGet(Get(DigestEntries, Digest, each.digest) for each in made)
    built = [
        BuiltWheel(
            Wheel(
                await Get(
                    Digest,
                    CreateDigest([FileEntry(os.path.basename(entry.path), entry.file_digest)]),
                ),
                os.path.basename(entry.path),
            ),
            target.address,
        )
        for target, entries in zip(wanted, contents)
        for entry in entries
        if isinstance(entry, FileEntry) and entry.path.endswith(".whl")
    ]
    chosen = choose(fields, built, request.platform)
    # `native_wheel` sets the modes in its wheel. Others have those of the sandbox that they were
    # built in, where a large input is a link into Pants' store: theirs are those of their sources.
    native = {each.address for each in wanted if each.has_field(NativeWheelProjectField)}
    modes = await MultiGet(
        Get(SourceModes, SourceModesRequest(each.target))
        for each in chosen
        if each.target not in native
    )
    executables = {each.address: each.executables for each in modes}
    return LocalWheels(
        tuple(LocalWheel(x.project, x.target, x.wheel, executables.get(x.target)) for x in chosen)
    )


@rule(desc="Build a wheels layer")
async def build_wheels_layer(
    request: WheelsLayerRequest, python_setup: PythonSetup
) -> BuiltPackage:
    field_set = request.field_set
    await Get(ProductionClosure, ProductionClosureRequest(field_set.address))
    name = request.platform or field_set.platform.value
    platform = target_platform(
        field_set.address,
        name,
        field_set.glibc,
        field_set.interpreter_constraints,
        python_setup,
    )
    others: Targets = Targets(())
    if name != field_set.platform.value:
        others = await Get(
            Targets, UnparsedAddressInputs, field_set.others.to_unparsed_address_inputs()
        )
        # The layer's own closure does not go through them.
        await MultiGet(
            Get(ProductionClosure, ProductionClosureRequest(each.address)) for each in others
        )
    dependencies = await Get(Targets, DependenciesRequest(field_set.dependencies))
    local = await Get(
        LocalWheels,
        LocalWheelsRequest(WheelFields(field_set.address), dependencies, others, platform),
    )
    installed = await MultiGet(
        Get(
            InstalledWheel,
            InstalledWheelRequest(
                each.wheel,
                leave_out=(),
                exclude=field_set.exclude.value or (),
                executables=each.executables,
            ),
        )
        for each in local.wheels
    )
    trees = await MultiGet(Get(DigestEntries, Digest, each.digest) for each in installed)
    check_disjoint(field_set.address, dict(zip((each.project for each in local.wheels), trees)))
    return await Get(
        BuiltPackage,
        PackTreeRequest,
        field_set.packed(
            await Get(Digest, MergeDigests(each.digest for each in installed)),
            InterpreterConstraints(
                field_set.interpreter_constraints.value_or_global_default(python_setup)
            ),
        ),
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *build_process.rules())
