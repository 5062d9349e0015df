"""Which lockfiles were made from other requirements than the targets have now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pants.backend.python.goals.lockfile import (
    GeneratePythonLockfile,
    RequestedPythonUserResolveNames,
)
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.pex_requirements import (
    LoadedLockfile,
    LoadedLockfileRequest,
    Lockfile,
    Resolve,
)
from pants.core.goals.generate_lockfiles import UserGenerateLockfiles
from pants.engine.rules import Get, MultiGet, collect_rules, rule

from qingkong_build.lock_review.subsystem import ReviewLockfilesSubsystem
from qingkong_build.python_lock.subsystem import ProductionClosureSubsystem


@dataclass(frozen=True)
class StaleResolvesRequest:
    """Of all resolves."""


@dataclass(frozen=True)
class StaleResolves:
    """In the order of `[python.resolves]`."""

    names: tuple[str, ...]


def together(
    stale: Collection[str], known: Iterable[str], group: Collection[str]
) -> tuple[str, ...]:
    """`stale`, and the whole group if it has one of them: their shared pins stay equal."""
    wanted = {*stale, *(group if set(stale) & set(group) else ())}
    return tuple(name for name in known if name in wanted)


@rule(desc="Find lockfiles that are out of date")
async def find_stale(
    _: StaleResolvesRequest,
    options: ReviewLockfilesSubsystem,
    python_setup: PythonSetup,
    closure: ProductionClosureSubsystem,
) -> StaleResolves:
    requests = await Get(
        UserGenerateLockfiles, RequestedPythonUserResolveNames(python_setup.resolves)
    )
    made = [one for one in requests if isinstance(one, GeneratePythonLockfile)]
    lockfiles = await MultiGet(
        Get(Lockfile, Resolve(one.resolve_name, use_entire_lockfile=True)) for one in made
    )
    loaded = await MultiGet(
        Get(LoadedLockfile, LoadedLockfileRequest(lockfile)) for lockfile in lockfiles
    )
    stale = [
        one.resolve_name
        for one, lock in zip(made, loaded)
        if lock.metadata is None
        or {str(x) for x in getattr(lock.metadata, "requirements", ())} != set(one.requirements)
    ]
    group = {*closure.resolves, *closure.development_resolves}
    return StaleResolves(together(stale, python_setup.resolves, group))


def rules() -> Iterable[object]:
    return collect_rules()
