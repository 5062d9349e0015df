"""Packing a tree of Python files with bytecode, if a target says so."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.core.goals.package import BuiltPackage
from pants.engine.fs import Digest, DigestSubset, FileContent, MergeDigests, PathGlobs, RemovePrefix
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import InvalidFieldException

from qingkong_build.oci.layers.pack import ALWAYS_EXCLUDED, LayerSpec, PackLayerRequest
from qingkong_build.oci.layers.target_types import NO_BYTECODE, LayerBytecodeField
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.script import Script

_COMPILE = Script("qingkong_build.oci.layers", "compile_tree")
_SPEC = "compile.json"
_OUTPUT = "compiled"


@dataclass(frozen=True)
class PackTreeRequest:
    """Pack the directory `spec.tree` of `digest`, with the bytecode that `bytecode` says.

    Attributes:
        bytecode: a value of the field.
        python: the constraints on the image's interpreter, which compiles.
    """

    digest: Digest
    spec: LayerSpec
    bytecode: str
    python: InterpreterConstraints


@dataclass(frozen=True)
class CompiledTree:
    """The tree with the bytecode of its Python files, and no other."""

    digest: Digest


def python_version(request: PackTreeRequest, universe: Iterable[str]) -> list[int]:
    """The one Python that the bytecode is for. Raises `InvalidFieldException`."""
    versions = request.python.partition_into_major_minor_versions(universe)
    if len(versions) != 1:
        raise InvalidFieldException(
            f"The {LayerBytecodeField.alias!r} field in target {request.spec.target} is "
            f"{request.bytecode!r}, but the interpreter constraints {str(request.python)!r} hold "
            f"for {', '.join(versions) or 'no version'}, and bytecode is for one Python. "
            "Constrain them, e.g. to ['CPython==3.12.*']."
        )
    return [int(part) for part in versions[0].split(".")]


@rule(desc="Compile the Python files of a layer")
async def compile_tree(request: PackTreeRequest, python_setup: PythonSetup) -> CompiledTree:
    version = python_version(request, python_setup.interpreter_versions_universe)
    spec = request.spec
    # Without what else may be there: bytecode that came with a wheel has a clock in it.
    below = f"{spec.tree}/**"
    sources = await Get(
        Digest,
        DigestSubset(
            request.digest, PathGlobs([below, f"!{below}/__pycache__/**", f"!{below}/*.pyc"])
        ),
    )
    content = {
        "target": spec.target,
        "tree": spec.tree,
        "path": spec.path,
        "exclude": spec.exclude,
        "python": version,
    }
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _COMPILE,
            (_SPEC, os.path.join(_OUTPUT, spec.tree)),
            f"Compile the Python files of {spec.target}",
            request.python,
            files=(FileContent(_SPEC, json.dumps(content, sort_keys=True).encode()),),
            digest=sources,
            output_directories=(_OUTPUT,),
        ),
    )
    compiled = await Get(Digest, RemovePrefix(result.output_digest, _OUTPUT))
    return CompiledTree(await Get(Digest, MergeDigests([sources, compiled])))


@rule
async def pack_tree(request: PackTreeRequest) -> BuiltPackage:
    spec = request.spec
    if request.bytecode == NO_BYTECODE:
        plain = dataclasses.replace(spec, exclude=(*ALWAYS_EXCLUDED, *spec.exclude))
        return await Get(BuiltPackage, PackLayerRequest(request.digest, plain))
    compiled = await Get(CompiledTree, PackTreeRequest, request)
    return await Get(BuiltPackage, PackLayerRequest(compiled.digest, spec))


def rules() -> Iterable[object]:
    return collect_rules()
