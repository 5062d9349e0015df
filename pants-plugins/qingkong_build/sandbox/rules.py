"""Running the plugins' own programs: each a process whose inputs are digests, cached by them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from pants.backend.python.util_rules import pex, pex_environment
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import VenvPex, VenvPexProcess
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.engine.fs import EMPTY_DIGEST, CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.process import Process, ProcessCacheScope
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from qingkong_build.sandbox.script import FOLDER, Script


@dataclass(frozen=True)
class ScriptRequest:
    """Run a script on an interpreter that has the standard library, and no site-packages.

    `Get(ProcessResult, ScriptRequest(...))` runs it, `Get(Process, ...)` describes it.

    Attributes:
        python: which interpreters will do.
        path: files or directories of `digest` from which it imports, too.
        files: small ones that are made for it.
        digest: further files.
        shared: digests that are linked into the sandbox and not copied: for what is large.
        caches: named caches of Pants, each with the path that it has in the sandbox.
    """

    script: Script
    argv: tuple[str, ...]
    description: str = field(compare=False)
    python: InterpreterConstraints
    path: tuple[str, ...] = ()
    files: tuple[FileContent, ...] = ()
    digest: Digest = EMPTY_DIGEST
    shared: FrozenDict[str, Digest] = FrozenDict()
    caches: FrozenDict[str, str] = FrozenDict()
    output_files: tuple[str, ...] = ()
    output_directories: tuple[str, ...] = ()
    env: FrozenDict[str, str] = FrozenDict()
    level: LogLevel = field(default=LogLevel.INFO, compare=False)
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL


@dataclass(frozen=True)
class PexScriptRequest:
    """Run a script with the requirements of `pex`. The rest is as in `ScriptRequest`."""

    script: Script
    argv: tuple[str, ...]
    description: str = field(compare=False)
    pex: VenvPex
    files: tuple[FileContent, ...] = ()
    digest: Digest = EMPTY_DIGEST
    caches: FrozenDict[str, str] = FrozenDict()
    output_files: tuple[str, ...] = ()
    output_directories: tuple[str, ...] = ()
    level: LogLevel = field(default=LogLevel.INFO, compare=False)
    timeout_seconds: int | None = None
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL


@rule
async def script_process(request: ScriptRequest) -> Process:
    python, ours = await MultiGet(
        Get(PythonExecutable, InterpreterConstraints, request.python),
        Get(Digest, CreateDigest([*request.script.files(), *request.files])),
    )
    # No bytecode: it would be written for each sandbox again.
    flags: tuple[str, ...] = ("-s", "-S", "-B")
    env = request.env
    if request.path:
        env = FrozenDict({**env, "PYTHONPATH": os.pathsep.join(request.path)})
    else:
        flags = ("-E", *flags)
    return Process(
        # Isolated, but for the scripts' own folder, where what it imports is.
        argv=(python.path, *flags, request.script.path, *request.argv),
        description=request.description,
        input_digest=await Get(Digest, MergeDigests([ours, request.digest])),
        immutable_input_digests=request.shared,
        append_only_caches=request.caches,
        output_files=request.output_files,
        output_directories=request.output_directories,
        env=env,
        level=request.level,
        cache_scope=request.cache_scope,
    )


@rule
async def pex_script_process(request: PexScriptRequest) -> Process:
    ours = await Get(Digest, CreateDigest([*request.script.files(), *request.files]))
    return await Get(
        Process,
        VenvPexProcess(
            request.pex,
            argv=(request.script.path, *request.argv),
            description=request.description,
            input_digest=await Get(Digest, MergeDigests([ours, request.digest])),
            extra_env={"PEX_EXTRA_SYS_PATH": FOLDER},
            output_files=request.output_files,
            output_directories=request.output_directories,
            level=request.level,
            timeout_seconds=request.timeout_seconds,
            cache_scope=request.cache_scope,
            append_only_caches=request.caches,
        ),
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *pex.rules(), *pex_environment.rules())
