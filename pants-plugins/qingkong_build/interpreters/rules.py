"""The interpreter for constraints, found by one process for all constraints."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PythonProvider
from pants.backend.python.util_rules.pex_environment import PexEnvironment, PythonExecutable
from pants.core.util_rules.adhoc_binaries import PythonBuildStandaloneBinary
from pants.core.util_rules.environments import EnvironmentTarget
from pants.engine.fs import CreateDigest, Digest
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from qingkong_build.interpreters.choice import Interpreter, choose
from qingkong_build.sandbox.script import Script

_LIST = Script("qingkong_build.interpreters", "list_interpreters")


class SearchPathProvider(PythonProvider):
    """What Pants asks in place of the pex tool."""


@dataclass(frozen=True)
class Interpreters:
    """All of the search path, in its order."""

    interpreters: tuple[Interpreter, ...]


@rule
async def list_interpreters(
    pex: PexEnvironment, python: PythonBuildStandaloneBinary, environment: EnvironmentTarget
) -> Interpreters:
    result = await Get(
        ProcessResult,
        Process(
            (python.path, "-E", "-s", "-S", "-B", _LIST.path, *pex.interpreter_search_paths),
            description="List the Python interpreters of the search path",
            input_digest=await Get(Digest, CreateDigest(_LIST.files())),
            env={**pex.subprocess_environment_dict, "PATH": os.pathsep.join(pex.path)},
            append_only_caches=python.APPEND_ONLY_CACHES,
            level=LogLevel.DEBUG,
            cache_scope=environment.executable_search_path_cache_scope(),
        ),
    )
    return Interpreters(tuple(Interpreter(**each) for each in json.loads(result.stdout)))


@rule
async def find_interpreter(
    request: SearchPathProvider, known: Interpreters, pex: PexEnvironment
) -> PythonExecutable:
    constraints: InterpreterConstraints = request.interpreter_constraints
    chosen = choose(known.interpreters, constraints, pex.interpreter_search_paths)
    return PythonExecutable(path=chosen.path, fingerprint=chosen.fingerprint)


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PythonProvider, SearchPathProvider))
