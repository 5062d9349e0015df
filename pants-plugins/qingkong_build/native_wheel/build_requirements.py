"""The build requirements of a `native_wheel`: the wheels of a lockfile, downloaded in parallel.

The build unpacks them by itself, so the compiler starts as soon as they arrive. A lockfile
whose distributions do not all have a wheel for this machine takes a PEX, which builds the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import Pex, PexRequest
from pants.backend.python.util_rules.pex_requirements import EntireLockfile, Lockfile, Resolve
from pants.engine.fs import EMPTY_DIGEST, Digest, MergeDigests
from pants.engine.platform import Platform
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict

from qingkong_build.downloads.rules import rules as download_rules
from qingkong_build.native_wheel.machines import BUILDING
from qingkong_build.pex_tree.rules import PexTree, PexTreeRequest
from qingkong_build.pex_tree.rules import rules as pex_tree_rules
from qingkong_build.python_lock import locked_wheel
from qingkong_build.python_lock.errors import LockfileError
from qingkong_build.python_lock.lock_graph import Artifact
from qingkong_build.python_lock.locked_wheel import Wheel, WheelRequest
from qingkong_build.python_lock.resolve_lock import ResolveLock, ResolveLockRequest
from qingkong_build.python_lock.resolve_lock import rules as lock_rules
from qingkong_build.python_lock.target_platform import TargetPlatform
from qingkong_build.python_lock.wheel_choice import choose_wheel, needed

# As scripts/native_wheel_backend.py has them.
WHEELS = "build_wheels"
TREE = "build_requirements"
# Older than any machine that builds. Build tools publish wheels for it.
_GLIBC = (2, 17)


@dataclass(frozen=True)
class BuildRequirementsRequest:
    """Those of `resolve`, for `target`, which is named in descriptions.

    `python` is the one minor version that `constraints` allow.
    """

    target: str
    resolve: str
    constraints: InterpreterConstraints
    python: tuple[int, int]


@dataclass(frozen=True)
class BuildRequirements:
    """What a build has of them: files of its own, and directories that are only linked."""

    digest: Digest
    shared: FrozenDict[str, Digest]


async def _wheels(
    request: BuildRequirementsRequest, building: Platform
) -> tuple[str, list[Artifact]] | None:
    """The lockfile's name and a wheel of each distribution; None if some have none."""
    if building not in BUILDING:
        return None
    platform = TargetPlatform(BUILDING[building], request.python, _GLIBC)
    try:
        lock = (await Get(ResolveLock, ResolveLockRequest(request.resolve))).graph
        return lock.path, [choose_wheel(lock, name, platform) for name in needed(lock, platform)]
    except LockfileError:
        # A source distribution without a wheel, a repository's address, another format of
        # lockfile: Pex takes these, or says what is wrong.
        return None


@rule(desc="Get the build requirements of a native wheel")
async def get_build_requirements(
    request: BuildRequirementsRequest, building: Platform
) -> BuildRequirements:
    found = await _wheels(request, building)
    if found is not None:
        path, artifacts = found
        wheels = await MultiGet(Get(Wheel, WheelRequest(each, path)) for each in artifacts)
        merged = await Get(Digest, MergeDigests(wheel.digest for wheel in wheels))
        return BuildRequirements(EMPTY_DIGEST, FrozenDict({WHEELS: merged}))
    lockfile = await Get(Lockfile, Resolve(request.resolve, use_entire_lockfile=True))
    pex = await Get(
        Pex,
        PexRequest(
            output_filename="native_wheel_build.pex",
            internal_only=True,
            requirements=EntireLockfile(lockfile),
            interpreter_constraints=request.constraints,
        ),
    )
    tree = await Get(
        PexTree,
        PexTreeRequest(
            pex=pex,
            directory=TREE,
            interpreter_constraints=request.constraints,
            description=f"Lay out the build requirements of {request.target}",
        ),
    )
    return BuildRequirements(tree.digest, FrozenDict())


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *download_rules(),
        *lock_rules(),
        *pex_tree_rules(),
        *locked_wheel.rules(),
    )
