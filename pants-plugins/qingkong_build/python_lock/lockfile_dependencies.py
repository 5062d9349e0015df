"""What a target names by a resolve: the lockfile, which Pants has a target for.

The target depends on it, so that `--changed-dependents` finds what a new lockfile changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.backend.python.goals.lockfile import (
    PythonSyntheticLockfileTargetsRequest,
    synthetic_lockfile_target_name,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.core.target_types import LockfilesGeneratorTarget
from pants.engine.addresses import Address
from pants.engine.fs import PathGlobs, Paths
from pants.engine.internals.synthetic_targets import SyntheticTargetsRequest
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    RegisteredTargetTypes,
    Target,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.logging import LogLevel

from qingkong_build.python_lock import subsystem
from qingkong_build.python_lock.subsystem import ProductionClosureSubsystem


class ResolvesMixin:
    """A field that names one resolve or several, whose lockfiles its target is made from."""

    # One name, a tuple of them, or None.
    value: Any

    def default_resolves(
        self, closure: ProductionClosureSubsystem, python_setup: PythonSetup
    ) -> Iterable[str]:
        """What a target means that does not set the field."""
        return ()

    def resolves(
        self, closure: ProductionClosureSubsystem, python_setup: PythonSetup
    ) -> tuple[str, ...]:
        if self.value is None:
            return tuple(self.default_resolves(closure, python_setup))
        return (self.value,) if isinstance(self.value, str) else tuple(self.value)


class ShippedResolvesMixin(ResolvesMixin):
    """By default, the resolves that may ship."""

    def default_resolves(
        self, closure: ProductionClosureSubsystem, python_setup: PythonSetup
    ) -> Iterable[str]:
        return closure.shipped(python_setup)


class DevelopmentResolvesMixin(ResolvesMixin):
    """By default, the resolves that extend those that ship with tools."""

    def default_resolves(
        self, closure: ProductionClosureSubsystem, python_setup: PythonSetup
    ) -> Iterable[str]:
        return closure.development_resolves


def resolve_fields(target: Target) -> list[ResolvesMixin]:
    return [field for field in target.field_values.values() if isinstance(field, ResolvesMixin)]


@dataclass(frozen=True)
class LockfileDependenciesFieldSet(FieldSet):
    # Whichever targets have a field of the mixin.
    required_fields = ()

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return not resolve_fields(tgt)


class InferLockfileDependencies(InferDependenciesRequest[LockfileDependenciesFieldSet]):
    infer_from = LockfileDependenciesFieldSet


@rule(desc="Find the lockfiles that a target is made from", level=LogLevel.DEBUG)
async def infer_lockfiles(
    request: InferLockfileDependencies,
    closure: ProductionClosureSubsystem,
    python_setup: PythonSetup,
    union_membership: UnionMembership,
    registered: RegisteredTargetTypes,
) -> InferredDependencies:
    # The rules and the type may be missing where a part of Pants' Python backend is active alone.
    makers = union_membership.get(SyntheticTargetsRequest)
    if (
        not python_setup.enable_synthetic_lockfiles
        or PythonSyntheticLockfileTargetsRequest not in makers
        or LockfilesGeneratorTarget.alias not in registered.aliases
    ):
        return InferredDependencies(())
    wrapped = await Get(
        WrappedTarget,
        WrappedTargetRequest(
            request.field_set.address, description_of_origin="a target made from a lockfile"
        ),
    )
    # What does not exist is an error of who builds, with the field and the value.
    resolves = {
        python_setup.resolves[resolve]: resolve
        for field in resolve_fields(wrapped.target)
        for resolve in field.resolves(closure, python_setup)
        if resolve in python_setup.resolves
    }
    lockfiles = await Get(Paths, PathGlobs(sorted(resolves)))
    return InferredDependencies(
        Address(
            os.path.dirname(path),
            target_name=synthetic_lockfile_target_name(resolves[path]),
            relative_file_path=os.path.basename(path),
        )
        for path in lockfiles.files
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *subsystem.rules(),
        UnionRule(InferDependenciesRequest, InferLockfileDependencies),
    )
