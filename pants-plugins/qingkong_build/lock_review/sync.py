"""The goal `sync-lockfiles`: follows changed requirements, and changes nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.goals.lockfile import (
    GeneratePythonLockfile,
    RequestedPythonUserResolveNames,
    _setup_pip_args_and_constraints_file,
)
from pants.backend.python.pip_requirement import PipRequirement
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.lockfile_metadata import PythonLockfileMetadata
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.backend.python.util_rules.pex_requirements import (
    LoadedLockfile,
    LoadedLockfileRequest,
    Lockfile,
    Resolve,
)
from pants.core.goals.generate_lockfiles import UserGenerateLockfiles
from pants.engine.console import Console
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
    Workspace,
)
from pants.engine.goal import Goal
from pants.engine.process import ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, goal_rule, rule
from pants.util.docutil import bin_name

from qingkong_build.lock_review.subsystem import SyncLockfilesSubsystem
from qingkong_build.python_lock.errors import LockfileError

_LOCK = "lock.json"
_HEADER = "//"


class SyncLockfiles(Goal):
    subsystem_cls = SyncLockfilesSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@dataclass(frozen=True)
class SyncRequest:
    """Bring the lockfile with this text up to the requirements of `generate`."""

    generate: GeneratePythonLockfile
    text: bytes


@dataclass(frozen=True)
class SyncedLockfile:
    """`digest` holds the new lockfile, with Pants' header, at its place."""

    digest: Digest


@dataclass(frozen=True)
class CurrentLockfilesRequest:
    """Of all resolves."""


@dataclass(frozen=True)
class CurrentLockfiles:
    """The lockfiles whose resolves have other requirements than they were made from."""

    stale: tuple[SyncRequest, ...]
    known: tuple[SyncRequest, ...]


def pip_version(lockfile: bytes) -> str:
    """Of the pip that a lockfile was made with: another one may order its files otherwise."""
    return str(json.loads(lockfile)["pip_version"])


def body(text: bytes) -> bytes:
    """A lockfile without the header, in which Pex does not see what it wrote."""
    lines = text.decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(_HEADER)).lstrip().encode()


@rule(desc="Find lockfiles that are out of date")
async def find_stale(_: CurrentLockfilesRequest, python_setup: PythonSetup) -> CurrentLockfiles:
    requests = await Get(
        UserGenerateLockfiles, RequestedPythonUserResolveNames(python_setup.resolves)
    )
    generate = [one for one in requests if isinstance(one, GeneratePythonLockfile)]
    lockfiles = await MultiGet(
        Get(Lockfile, Resolve(one.resolve_name, use_entire_lockfile=True)) for one in generate
    )
    loaded = await MultiGet(
        Get(LoadedLockfile, LoadedLockfileRequest(lockfile)) for lockfile in lockfiles
    )
    contents = await MultiGet(Get(DigestContents, Digest, lock.lockfile_digest) for lock in loaded)
    known = [SyncRequest(one, file.content) for one, (file,) in zip(generate, contents)]
    stale = [
        one
        for one, lock in zip(known, loaded)
        if lock.metadata is None
        or {str(x) for x in getattr(lock.metadata, "requirements", ())}
        != set(one.generate.requirements)
    ]
    return CurrentLockfiles(tuple(stale), tuple(known))


# As `generate_lockfile` of Pants, but for pex's `lock sync` in place of its `lock create`, and with
# the pip that the lockfile names.
@rule(desc="Sync a lockfile")
async def sync(request: SyncRequest) -> SyncedLockfile:
    generate = request.generate
    setup = await _setup_pip_args_and_constraints_file(generate.resolve_name)
    lockfile = body(request.text)
    old = await Get(Digest, CreateDigest([FileContent(_LOCK, lockfile)]))
    result = await Get(
        ProcessResult,
        PexCliProcess(
            subcommand=("lock", "sync"),
            extra_args=(
                f"--lock={_LOCK}",
                "--yes",
                "--no-emit-warnings",
                "--style=universal",
                f"--pip-version={pip_version(lockfile)}",
                "--resolver-version=pip-2020-resolver",
                "--target-system=linux",
                "--target-system=mac",
                "--indent=2",
                *setup.args,
                *generate.interpreter_constraints.generate_pex_arg_list(),
                *generate.requirements,
            ),
            additional_input_digest=await Get(Digest, MergeDigests([setup.digest, old])),
            output_files=(_LOCK,),
            description=f"Sync the lockfile of {generate.resolve_name}",
            # What an index has is more each day.
            cache_scope=ProcessCacheScope.PER_SESSION,
        ),
    )
    (file,) = await Get(DigestContents, Digest, result.output_digest)
    config = setup.resolve_config
    constraints = config.constraints_file
    metadata = PythonLockfileMetadata.new(
        valid_for_interpreter_constraints=generate.interpreter_constraints,
        requirements={PipRequirement.parse(text) for text in generate.requirements},
        manylinux=config.manylinux,
        requirement_constraints=set(constraints.constraints) if constraints else set(),
        only_binary=set(config.only_binary),
        no_binary=set(config.no_binary),
    )
    text = metadata.add_header_to_lockfile(
        # As `lock create` ends it.
        file.content.rstrip() + b"\n",
        regenerate_command=f"{bin_name()} generate-lockfiles --resolve={generate.resolve_name}",
        delimeter=_HEADER,
    )
    return SyncedLockfile(
        await Get(Digest, CreateDigest([FileContent(generate.lockfile_dest, text)]))
    )


@goal_rule
async def sync_lockfiles(
    console: Console, workspace: Workspace, options: SyncLockfilesSubsystem
) -> SyncLockfiles:
    current = await Get(CurrentLockfiles, CurrentLockfilesRequest())
    chosen = current.stale
    if options.resolve:
        by_name = {one.generate.resolve_name: one for one in current.known}
        for name in options.resolve:
            if name not in by_name:
                raise LockfileError(
                    f"sync-lockfiles: --resolve={name}: there is no such resolve. Fix: name one of "
                    f"{', '.join(sorted(by_name))}"
                )
        chosen = tuple(by_name[name] for name in options.resolve)
    if not chosen:
        console.print_stderr("Every lockfile was made from the requirements of its resolve.")
        return SyncLockfiles(exit_code=0)
    if options.check:
        paths = ", ".join(one.generate.lockfile_dest for one in chosen)
        console.print_stderr(
            f"sync-lockfiles: {paths}: made from other requirements than there are now. Fix: "
            f"{bin_name()} sync-lockfiles"
        )
        return SyncLockfiles(exit_code=1)
    synced = await MultiGet(Get(SyncedLockfile, SyncRequest, one) for one in chosen)
    workspace.write_digest(await Get(Digest, MergeDigests(one.digest for one in synced)))
    for one in chosen:
        console.print_stderr(f"Wrote {one.generate.lockfile_dest}")
    return SyncLockfiles(exit_code=0)


def rules() -> Iterable[object]:
    return collect_rules()
