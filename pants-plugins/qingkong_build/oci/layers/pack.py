"""Packs a tree into a layer: one cached process, the same bytes every time."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact
from pants.engine.fs import Digest, DigestEntries, FileContent, FileEntry, RemovePrefix
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict

from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.rules import rules as script_rules
from qingkong_build.sandbox.script import Script

_SCRIPT = Script("qingkong_build.oci.layers", "pack_layer")
_SPEC = "layer.json"
# Never in an image: they would change with the clock (contract: no __pycache__ directories).
ALWAYS_EXCLUDED = ("__pycache__", "*/__pycache__", "*.pyc")


@dataclass(frozen=True)
class LayerSpec:
    """What `scripts/pack_layer.py` reads; paths are those of the image, without the `/`."""

    target: str
    output: str
    # The directory of the sandbox whose content goes under `path`; "" for none.
    tree: str = ""
    path: str = ""
    exclude: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    # Of the tree. Without a mode, files have theirs, and no directory is declared.
    owner: str = "0:0"
    file_mode: str = ""
    directory_mode: str = ""
    directories: FrozenDict[str, str] = FrozenDict()
    symlinks: FrozenDict[str, str] = FrozenDict()
    files: FrozenDict[str, str] = FrozenDict()


@dataclass(frozen=True)
class PackLayerRequest:
    digest: Digest
    spec: LayerSpec


@rule
async def pack_layer(request: PackLayerRequest, python_setup: PythonSetup) -> BuiltPackage:
    spec = request.spec
    entries = await Get(DigestEntries, Digest, request.digest)
    content = dataclasses.asdict(spec)
    # What the sandbox says of modes depends on where it is: a large input is a link into the store.
    below = f"{spec.tree}/"
    content["executables"] = sorted(
        entry.path[len(below) :]
        for entry in entries
        if spec.tree and isinstance(entry, FileEntry) and entry.is_executable
    )
    for name in ("directories", "symlinks", "files"):
        content[name] = dict(getattr(spec, name))
    output = os.path.join("out", spec.output)
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _SCRIPT,
            (_SPEC, output),
            f"Pack the layer of {spec.target}",
            InterpreterConstraints(python_setup.interpreter_constraints),
            files=(FileContent(_SPEC, json.dumps(content, sort_keys=True).encode()),),
            digest=request.digest,
            output_files=(output,),
        ),
    )
    digest = await Get(Digest, RemovePrefix(result.output_digest, "out"))
    return BuiltPackage(digest, (BuiltPackageArtifact(spec.output),))


def rules() -> Iterable[object]:
    return (*collect_rules(), *script_rules())
