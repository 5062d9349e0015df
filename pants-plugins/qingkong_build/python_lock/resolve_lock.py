"""The lockfile of a resolve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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

from qingkong_build.python_lock.lock_graph import LockGraph, read_lock


@dataclass(frozen=True)
class ResolveLockRequest:
    """For `resolve`, one of `[python.resolves]`."""

    resolve: str


@dataclass(frozen=True)
class ResolveLock:
    """`valid_for` is what Pants made it for; None where it does not say."""

    graph: LockGraph
    valid_for: InterpreterConstraints | None


@rule(desc="Read a lockfile")
async def read_resolve(request: ResolveLockRequest) -> ResolveLock:
    lockfile = await Get(Lockfile, Resolve(request.resolve, use_entire_lockfile=True))
    loaded = await Get(LoadedLockfile, LoadedLockfileRequest(lockfile))
    (content,) = await Get(DigestContents, Digest, loaded.lockfile_digest)
    metadata = loaded.metadata
    return ResolveLock(
        read_lock(loaded.lockfile_path, content.content.decode()),
        metadata.valid_for_interpreter_constraints if metadata else None,
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *pex_requirements.rules())
