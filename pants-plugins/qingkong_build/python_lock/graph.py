"""Refuses a target whose dependencies leave the resolves that ship, and says by which path.

Only dependencies that Pants knows of are looked at, inferred and explicit ones, of every kind of
target: sources, resources, distributions with their entry points, layers, PEXes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pants.backend.python.dependency_inference.rules import UnownedDependencyError
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementsField, PythonResolveField
from pants.engine.addresses import Address, Addresses
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    Field,
    Target,
    TransitiveTargets,
    TransitiveTargetsRequest,
    UnexpandedTargets,
)

from qingkong_build.python_lock.errors import DevelopmentLeakError
from qingkong_build.python_lock.subsystem import ProductionClosureSubsystem

# Of a target with one resolve, and of one that serves several, as `native_wheel` does.
_RESOLVE_ALIASES = ("resolve", "resolves")
_ARROW = " -> "
# How many ways out of production an error tells.
_TOLD = 10


@dataclass(frozen=True)
class ProductionClosureRequest:
    """Check everything that the target at `address` depends on, transitively."""

    address: Address


@dataclass(frozen=True)
class ProductionClosure:
    """There is one only if nothing leaks."""


def resolves_of(target: Target, python_setup: PythonSetup) -> tuple[str, ...]:
    """The resolves that a target belongs to; none for one that has no such field."""
    for field_ in target.field_values.values():
        if field_.alias in _RESOLVE_ALIASES:
            return _values(field_, python_setup)
    return ()


def _values(field_: Field, python_setup: PythonSetup) -> tuple[str, ...]:
    if isinstance(field_, PythonResolveField):
        return (field_.normalized_value(python_setup),)
    value = field_.value
    if isinstance(value, str):
        return (value,)
    return tuple(value or ())


def shortest_path(
    start: Address, ends: Iterable[Address], dependencies: Mapping[Address, Sequence[Address]]
) -> tuple[Address, ...]:
    """The shortest path from `start` to one of `ends`, both included; () if there is none."""
    wanted = set(ends)
    came_from: dict[Address, Address | None] = {start: None}
    todo = deque([start])
    while todo:
        here = todo.popleft()
        if here in wanted:
            path = [here]
            step = came_from[here]
            while step is not None:
                path.append(step)
                step = came_from[step]
            return tuple(reversed(path))
        for there in dependencies.get(here, ()):
            if there not in came_from:
                came_from[there] = here
                todo.append(there)
    return ()


# Before the rule that calls it: Pants reads the `Get`s of helpers that it has already seen.
async def _walk(root: Address) -> dict[Address, tuple[Address, ...]]:
    """What each target below `root` depends on. Slower than `TransitiveTargets`, which leaves out
    the targets that generate others, so that there are gaps in its paths.

    Raises DevelopmentLeakError with the path to a source that imports what its resolve has not.
    """
    dependencies: dict[Address, tuple[Address, ...]] = {}
    todo = [root]
    while todo:
        targets = await Get(UnexpandedTargets, Addresses(todo))
        todo = []
        for target in targets:
            try:
                found = await Get(Addresses, DependenciesRequest(target.get(Dependencies)))
            except UnownedDependencyError as error:
                path = shortest_path(root, [target.address], dependencies)
                raise DevelopmentLeakError(_unowned(path, error)) from None
            dependencies[target.address] = tuple(found)
        todo = sorted(
            {each for found in dependencies.values() for each in found} - set(dependencies)
        )
    return dependencies


@rule(desc="Check that only production requirements ship")
async def check_closure(
    request: ProductionClosureRequest,
    subsystem: ProductionClosureSubsystem,
    python_setup: PythonSetup,
) -> ProductionClosure:
    allowed = sorted(subsystem.resolves)
    if not allowed:
        return ProductionClosure()
    try:
        transitive = await Get(TransitiveTargets, TransitiveTargetsRequest([request.address]))
    except UnownedDependencyError:
        await _walk(request.address)
        raise
    leaks = {
        target.address: target
        for target in transitive.closure
        if (resolves := resolves_of(target, python_setup)) and not set(allowed) & set(resolves)
    }
    if leaks:
        dependencies = await _walk(request.address)
        raise DevelopmentLeakError(
            _explain(request.address, leaks, dependencies, allowed, python_setup)
        )
    return ProductionClosure()


def _unowned(path: Sequence[Address], error: UnownedDependencyError) -> str:
    return (
        f"{path[0]} cannot be packed: something that it ships imports what no requirement of its "
        f"resolve brings. It came in by\n\n  {_ARROW.join(str(step) for step in path)}\n\n"
        f"{error}\n\n"
        "Remove the import from what ships, or declare the requirement for production and run "
        "`pants generate-lockfiles`."
    )


def _explain(
    root: Address,
    leaks: Mapping[Address, Target],
    dependencies: Mapping[Address, Sequence[Address]],
    allowed: Sequence[str],
    python_setup: PythonSetup,
) -> str:
    """One line for each place where the graph leaves production, up to the requirement."""
    # Those that are reached without going through another leak: the others follow from them.
    inside = {
        address: () if address in leaks else addresses
        for address, addresses in dependencies.items()
    }
    requirements = {
        address for address, target in leaks.items() if target.has_field(PythonRequirementsField)
    }
    lines = []
    for leak in sorted(leaks):
        path = shortest_path(root, [leak], inside)
        if not path:
            continue
        rest = shortest_path(leak, requirements, dependencies)
        end = leaks[(rest or path)[-1]]
        what = (
            ", ".join(str(each) for each in end[PythonRequirementsField].value)
            if end.has_field(PythonRequirementsField)
            else end.alias
        )
        resolves = ", ".join(repr(name) for name in resolves_of(end, python_setup))
        steps = _ARROW.join(str(step) for step in (*path, *rest[1:]))
        lines.append(f"  {steps} ({what}, of resolve {resolves})")
    more = f"\n  and {len(lines) - _TOLD} more" if len(lines) > _TOLD else ""
    ships = ", ".join(repr(name) for name in allowed)
    return (
        f"{root} ships what resolve {ships} has, but depends on something of another resolve:\n\n"
        + "\n".join(lines[:_TOLD])
        + more
        + f"\n\nRemove the dependency after which the path leaves {ships}: an import, or an entry "
        f"of a `dependencies` field. If the target exists in both resolves, name it with "
        f"'@resolve={allowed[0]}'. A requirement that must ship is declared for {ships}, and "
        "locked by `pants generate-lockfiles`."
    )


def rules() -> Iterable[object]:
    return collect_rules()
