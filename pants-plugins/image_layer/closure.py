"""What a platform needs of the lockfile of a resolve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules import pex_requirements
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_requirements import (
    LoadedLockfile,
    LoadedLockfileRequest,
    Lockfile,
    Resolve,
)
from pants.engine.fs import Digest, DigestContents
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict

from image_layer.lockfile import (
    Artifact,
    LockedResolve,
    LockfileError,
    choose_wheel,
    needed,
    parse_lockfile,
)
from image_layer.target_platform import TargetPlatform


@dataclass(frozen=True)
class ClosureRequest:
    """What `platform` needs of `resolve`, one of `[python.resolves]`."""

    resolve: str
    platform: TargetPlatform


@dataclass(frozen=True)
class Closure:
    """`ways` has, by name, the shortest way by which a distribution is required."""

    locked: LockedResolve
    platform: TargetPlatform
    ways: FrozenDict[str, tuple[str, ...]]

    def wheel(self, name: str) -> Artifact:
        """The wheel to install. Raises `LockfileError` where none fits."""
        return choose_wheel(self.locked, self.locked.distributions[name], self.platform)


@rule(desc="Read what a platform needs of a lockfile")
async def read_closure(request: ClosureRequest, python_setup: PythonSetup) -> Closure:
    lockfile = await Get(Lockfile, Resolve(request.resolve, use_entire_lockfile=True))
    loaded = await Get(LoadedLockfile, LoadedLockfileRequest(lockfile))
    major, minor = request.platform.python
    wanted = InterpreterConstraints([f"CPython=={major}.{minor}.*"])
    if loaded.metadata:
        valid = loaded.metadata.valid_for_interpreter_constraints
        if not valid.contains(wanted, python_setup.interpreter_versions_universe):
            raise LockfileError(
                f"{loaded.lockfile_path} was made for {valid}, but a layer of it is wanted for "
                f"{request.platform}. Correct the 'interpreter_constraints' field of the layer, "
                "or [python.resolves_to_interpreter_constraints] and generate the lockfile again."
            )
    (content,) = await Get(DigestContents, Digest, loaded.lockfile_digest)
    locked = parse_lockfile(loaded.lockfile_path, content.content)
    return Closure(locked, request.platform, FrozenDict(needed(locked, request.platform)))


def rules() -> Iterable[object]:
    return (*collect_rules(), *pex_requirements.rules())
