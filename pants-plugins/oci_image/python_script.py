"""Running the plugin's own scripts: standard library only, no site-packages, cached."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass, field

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.engine.fs import EMPTY_DIGEST, CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.process import Process, ProcessCacheScope
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict

from oci_image.subsystem import ImageAssembly


@dataclass(frozen=True)
class ScriptRequest:
    """Run `scripts/<name>.py` with these arguments.

    What is in `shared` is linked into the sandbox and not copied: for what is large.
    """

    name: str
    argv: tuple[str, ...]
    description: str = field(compare=False)
    # Further scripts that it imports.
    modules: tuple[str, ...] = ()
    digest: Digest = EMPTY_DIGEST
    shared: FrozenDict[str, Digest] = FrozenDict()
    output_files: tuple[str, ...] = ()
    output_directories: tuple[str, ...] = ()
    env: FrozenDict[str, str] = FrozenDict()
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL


@rule
async def script_process(request: ScriptRequest, options: ImageAssembly) -> Process:
    python = await Get(
        PythonExecutable,
        InterpreterConstraints,
        InterpreterConstraints(options.interpreter_constraints),
    )
    scripts = []
    for name in (request.name, *request.modules):
        source = pkgutil.get_data("oci_image", f"scripts/{name}.py")
        assert source is not None, f"{name}.py is missing from the oci_image plugin"
        scripts.append(FileContent(f"{name}.py", source))
    script = await Get(Digest, CreateDigest(scripts))
    return Process(
        # Isolated, but for the script's own folder, where what it imports is.
        argv=(python.path, "-E", "-s", "-S", "-B", f"{request.name}.py", *request.argv),
        description=request.description,
        input_digest=await Get(Digest, MergeDigests([script, request.digest])),
        immutable_input_digests=request.shared,
        output_files=request.output_files,
        output_directories=request.output_directories,
        env=request.env,
        cache_scope=request.cache_scope,
    )


def rules() -> Iterable[object]:
    return collect_rules()
