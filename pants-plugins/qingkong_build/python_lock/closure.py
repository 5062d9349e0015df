"""What a platform needs of the lockfile of a resolve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict

from qingkong_build.python_lock.errors import LockfileError
from qingkong_build.python_lock.lock_graph import Artifact, LockGraph, parse
from qingkong_build.python_lock.resolve_lock import ResolveLock, ResolveLockRequest
from qingkong_build.python_lock.resolve_lock import rules as lock_rules
from qingkong_build.python_lock.target_platform import TargetPlatform
from qingkong_build.python_lock.wheel_choice import choose_wheel, needed


@dataclass(frozen=True)
class ClosureRequest:
    """What `platform` needs of `resolve`, one of `[python.resolves]`.

    `requirements` are those to begin with; None takes all that the lockfile was made from.
    """

    resolve: str
    platform: TargetPlatform
    requirements: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Closure:
    """`ways` has, by name, the shortest way by which a distribution is required."""

    lock: LockGraph
    platform: TargetPlatform
    ways: FrozenDict[str, tuple[str, ...]]

    def wheel(self, name: str) -> Artifact:
        """The wheel to install. Raises `LockfileError` where none fits."""
        return choose_wheel(self.lock, name, self.platform)


@rule(desc="Read what a platform needs of a lockfile")
async def read_closure(request: ClosureRequest, python_setup: PythonSetup) -> Closure:
    lock = await Get(ResolveLock, ResolveLockRequest(request.resolve))
    major, minor = request.platform.python
    wanted = InterpreterConstraints([f"CPython=={major}.{minor}.*"])
    valid = lock.valid_for
    if valid is not None and not valid.contains(wanted, python_setup.interpreter_versions_universe):
        raise LockfileError(
            f"{lock.graph.path} was made for {valid}, but a layer of it is wanted for "
            f"{request.platform}. Correct the 'interpreter_constraints' field of the layer, "
            "or [python.resolves_to_interpreter_constraints] and generate the lockfile again."
        )
    graph = lock.graph
    if request.requirements is not None:
        graph = replace(graph, roots=tuple(map(parse, request.requirements)))
    return Closure(graph, request.platform, FrozenDict(needed(graph, request.platform)))


def rules() -> Iterable[object]:
    return (*collect_rules(), *lock_rules())
