"""Refuses a lockfile that would ship a project which is declared for development.

Another requirement may bring such a project without a word. Whether it ships is then decided by
whoever released that requirement; here it has to be decided by declaring it for production.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PythonRequirementResolveField, PythonRequirementsField
from pants.engine.addresses import Address
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import AllTargets

from qingkong_build.python_lock.errors import DevelopmentLeakError
from qingkong_build.python_lock.lock_graph import Chain, LockGraph, normalised
from qingkong_build.python_lock.resolve_lock import ResolveLock, ResolveLockRequest
from qingkong_build.python_lock.subsystem import ProductionClosureSubsystem


@dataclass(frozen=True)
class ProductionLockRequest:
    """Check that the target at `address` may ship the lockfile of `resolve`."""

    address: Address
    resolve: str


@dataclass(frozen=True)
class ProductionLock:
    """There is one only if nothing leaks."""


@dataclass(frozen=True)
class Declaration:
    """Where a project is declared: `3rdparty/dev#pytest`, of `dev`."""

    address: Address
    resolve: str


@dataclass(frozen=True)
class Declarations:
    """Where projects are declared, by normalised name.

    Attributes:
        development: those that no production resolve shares the declaration of.
        others: the rest.
    """

    development: dict[str, Declaration]
    others: dict[str, Declaration]

    __hash__ = object.__hash__


@rule
async def find_declarations(
    all_targets: AllTargets, subsystem: ProductionClosureSubsystem, python_setup: PythonSetup
) -> Declarations:
    # `3rdparty/prod#web@resolve=prod` and `3rdparty/prod#web@resolve=dev` are one declaration.
    places: defaultdict[tuple[str, str, str], list[Declaration]] = defaultdict(list)
    for target in all_targets:
        if not target.has_field(PythonRequirementResolveField):
            continue
        address = target.address
        resolve = target[PythonRequirementResolveField].normalized_value(python_setup)
        for requirement in target[PythonRequirementsField].value:
            project = normalised(requirement.project_name)
            place = (address.spec_path, address.target_name, project)
            places[place].append(Declaration(address, resolve))
    development: dict[str, Declaration] = {}
    others: dict[str, Declaration] = {}
    for (_, _, project), found in sorted(places.items()):
        ships = [one for one in found if one.resolve in subsystem.resolves]
        tools = [one for one in found if one.resolve in subsystem.development_resolves]
        if ships:
            others.setdefault(project, ships[0])
        elif tools:
            development.setdefault(project, tools[0])
    return Declarations(development, others)


@rule(desc="Check that a lockfile has no development requirement")
async def check_lock(
    request: ProductionLockRequest, subsystem: ProductionClosureSubsystem
) -> ProductionLock:
    if not subsystem.resolves:
        return ProductionLock()
    if request.resolve not in subsystem.resolves:
        ships = ", ".join(repr(name) for name in subsystem.resolves)
        raise DevelopmentLeakError(
            f"{request.address} would ship the whole lockfile of resolve {request.resolve!r}, but "
            f"only {ships} may ship. Set its `resolve` field to one that may, or add "
            f"{request.resolve!r} to [production-closure].resolves."
        )
    lock = await Get(ResolveLock, ResolveLockRequest(request.resolve))
    declarations = await Get(Declarations)
    message = explain_lock(request, lock.graph, declarations)
    if message:
        raise DevelopmentLeakError(message)
    return ProductionLock()


def explain_lock(
    request: ProductionLockRequest, lock: LockGraph, declarations: Declarations
) -> str:
    """One line for each project that leaked; "" if none did."""
    leaked = sorted(set(lock.versions) & set(declarations.development))
    if not leaked:
        return ""
    chains = lock.reached()
    lines = []
    for project in leaked:
        declared = declarations.development[project]
        path = describe(chains.get(project, ()), lock, declarations.others)
        lines.append(
            f"  {path or 'nothing that its metadata says'} (declared for development by "
            f"{declared.address})"
        )
    names = ", ".join(leaked)
    return (
        f"{request.address} would ship what is declared for development: {names}. In {lock.path} "
        "it came by\n\n" + "\n".join(lines) + "\n\nIf it is needed at run time, move its line from "
        f"the development requirements to those of {request.resolve!r}. If not, remove the first "
        "requirement of that path, or hold it to a release that does not ask for it. Then run "
        f"`pants generate-lockfiles --resolve={request.resolve}`, and the same for the resolves "
        "that extend it."
    )


def describe(chain: Chain, lock: LockGraph, declared: dict[str, Declaration]) -> str:
    """`3rdparty/prod#web -> web 1.0 -> pytest 8.4.2 (pytest>=8)`."""
    if not chain:
        return ""
    root = chain[0].name
    steps = [str(declared[root].address)] if root in declared else []
    steps += [f"{step.name} {lock.versions[step.name]}" for step in chain]
    return " -> ".join(steps) + f" ({chain[-1].text})"


def rules() -> Iterable[object]:
    return collect_rules()
