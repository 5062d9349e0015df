"""Requirements layers: wheels of a lockfile, installed one by one and packed by group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import InterpreterConstraintsField
from pants.backend.python.util_rules import pex_environment
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.base.specs import DirGlobSpec, RawSpecs
from pants.core.goals.package import BuiltPackage
from pants.engine.fs import Digest, DigestEntries, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import InvalidFieldException, Target, Targets

from qingkong_build.oci.layers import bytecode, subsystem, wheels
from qingkong_build.oci.layers.bytecode import PackTreeRequest
from qingkong_build.oci.layers.disjoint import check_disjoint
from qingkong_build.oci.layers.groups import assign
from qingkong_build.oci.layers.platform_fields import target_platform
from qingkong_build.oci.layers.target_types import (
    LayerGlibcField,
    LayerPathField,
    LayerPlatformField,
    RequirementsLayerDistributionsField,
    RequirementsLayerForbidField,
    RequirementsLayerLeaveOutField,
    RequirementsLayerResolveField,
)
from qingkong_build.oci.layers.tree_layer import TreeLayerFieldSet
from qingkong_build.oci.layers.wheels import InstalledWheel, LockedWheelRequest
from qingkong_build.python_lock import closure
from qingkong_build.python_lock.closure import Closure, ClosureRequest
from qingkong_build.python_lock.lock_rules import ProductionLock, ProductionLockRequest
from qingkong_build.python_lock.locked_wheel import WheelRequest


@dataclass(frozen=True)
class RequirementsLayerFieldSet(TreeLayerFieldSet):
    required_fields = (RequirementsLayerResolveField, LayerPathField)

    resolve: RequirementsLayerResolveField
    distributions: RequirementsLayerDistributionsField
    platform: LayerPlatformField
    glibc: LayerGlibcField
    forbid: RequirementsLayerForbidField
    leave_out: RequirementsLayerLeaveOutField
    interpreter_constraints: InterpreterConstraintsField


def check_resolve(field_set: RequirementsLayerFieldSet, python_setup: PythonSetup) -> None:
    field = field_set.resolve
    if field.value not in python_setup.resolves:
        raise InvalidFieldException(
            f"The {field.alias!r} field in target {field_set.address} is {field.value!r}, but "
            f"[python.resolves] has only: {', '.join(sorted(python_setup.resolves))}. Use one of "
            "these."
        )


@dataclass(frozen=True)
class RequirementsLayerRequest:
    """The layer for `platform`; None is the target's own."""

    field_set: RequirementsLayerFieldSet
    platform: str | None


def check_forbidden(field_set: RequirementsLayerFieldSet, closure: Closure) -> None:
    for raw in field_set.forbid.value or ():
        name = canonicalize_name(raw)
        if name in closure.ways:
            raise InvalidFieldException(
                f"The 'forbid' field in target {field_set.address} has {raw!r}, but "
                f"{closure.lock.path} brings {name} "
                f"{closure.lock.versions[name]} "
                f"({' -> '.join(closure.ways[name])}). Remove the requirement that asks for it "
                "and run `pants generate-lockfiles`."
            )


def _siblings(field_set: RequirementsLayerFieldSet, targets: Iterable[Target]) -> list[Target]:
    """The layers of the same directory that share the same lockfile out."""
    return [
        target
        for target in targets
        if target.has_field(RequirementsLayerDistributionsField)
        and target[RequirementsLayerResolveField].value == field_set.resolve.value
        and target[LayerPlatformField].value == field_set.platform.value
        and target[LayerPathField].value == field_set.path.value
    ]


def own_share(
    field_set: RequirementsLayerFieldSet, closure: Closure, siblings: Iterable[Target]
) -> tuple[str, ...]:
    """The names for this one of the layers that share the lockfile out."""
    shares = assign(
        {x.address.spec: x[RequirementsLayerDistributionsField].value for x in siblings},
        frozenset(closure.ways),
        f"the resolve {field_set.resolve.value!r} for {closure.platform.name}",
    )
    names = shares[field_set.address.spec]
    if not names:
        raise InvalidFieldException(
            f"packing {field_set.address}: resolve={field_set.resolve.value}: the layer would be "
            "empty: the other layers beside it have all of it. Fix: remove the target."
        )
    return names


@rule(desc="Build a requirements layer")
async def build_requirements_layer(
    request: RequirementsLayerRequest, python_setup: PythonSetup
) -> BuiltPackage:
    field_set = request.field_set
    check_resolve(field_set, python_setup)
    await Get(ProductionLock, ProductionLockRequest(field_set.address, field_set.resolve.value))
    closure, neighbours = await MultiGet(
        Get(
            Closure,
            ClosureRequest(
                field_set.resolve.value,
                target_platform(
                    field_set.address,
                    request.platform or field_set.platform.value,
                    field_set.glibc,
                    field_set.interpreter_constraints,
                    python_setup,
                ),
            ),
        ),
        Get(
            Targets,
            RawSpecs(
                dir_globs=(DirGlobSpec(field_set.address.spec_path),),
                description_of_origin=f"the layers beside {field_set.address}",
            ),
        ),
    )
    check_forbidden(field_set, closure)
    names = own_share(field_set, closure, _siblings(field_set, neighbours))
    installed = await MultiGet(
        Get(
            InstalledWheel,
            LockedWheelRequest(
                WheelRequest(closure.wheel(name), closure.lock.path),
                leave_out=field_set.leave_out.value or (),
                exclude=field_set.exclude.value or (),
            ),
        )
        for name in names
    )
    contents = await MultiGet(Get(DigestEntries, Digest, x.digest) for x in installed)
    check_disjoint(field_set.address, dict(zip(names, contents)))
    tree = await Get(Digest, MergeDigests(x.digest for x in installed))
    return await Get(
        BuiltPackage,
        PackTreeRequest,
        field_set.packed(
            tree,
            InterpreterConstraints(
                field_set.interpreter_constraints.value_or_global_default(python_setup)
            ),
            forbid=field_set.forbid.value or (),
        ),
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *bytecode.rules(),
        *closure.rules(),
        *pex_environment.rules(),
        *subsystem.rules(),
        *wheels.rules(),
    )
