"""What can be said of a layer and of a lockfile, each by one cached process."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules import pex
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.backend.python.util_rules.pex_requirements import (
    LoadedLockfile,
    LoadedLockfileRequest,
    Lockfile,
    Resolve,
)
from pants.core.goals.package import BuiltPackage, PackageFieldSet
from pants.engine.fs import CreateDigest, Digest, DigestContents, FileContent, MergeDigests
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.option.errors import OptionsError

from image_explanation.subsystem import ImageExplanation
from production_closure.lock_graph import LockGraph, read_lock


@dataclass(frozen=True)
class LayerContentRequest:
    """Read the distributions of the layer that `field_set` makes."""

    field_set: PackageFieldSet


@dataclass(frozen=True)
class LayerContent:
    """JSON that scripts/read_distributions.py has written."""

    text: bytes


@dataclass(frozen=True)
class LockExplanationRequest:
    """Explain the lockfile of `resolve`."""

    resolve: str


@dataclass(frozen=True)
class LockExplanation:
    """A lockfile, and by marker and extra whether the marker holds in the image."""

    graph: LockGraph
    markers: dict[str, dict[str, bool]]

    __hash__ = object.__hash__

    def holds(self, marker: str, extra: str) -> bool:
        """Whether a marker holds when `extra` ("" for none) was asked for."""
        truth = self.markers[marker]
        return truth.get(extra, truth[""])


def script(name: str) -> FileContent:
    """A program of scripts/, for a sandbox."""
    content = pkgutil.get_data("image_explanation", f"scripts/{name}")
    assert content is not None, f"{name} is missing from the image_explanation plugin"
    return FileContent(name, content)


@rule(desc="Read the distributions of a layer")
async def read_layer(request: LayerContentRequest, python_setup: PythonSetup) -> LayerContent:
    constraints = InterpreterConstraints(python_setup.interpreter_constraints)
    built, python, program = await MultiGet(
        Get(BuiltPackage, PackageFieldSet, request.field_set),
        Get(PythonExecutable, InterpreterConstraints, constraints),
        Get(Digest, CreateDigest([script("read_distributions.py")])),
    )
    layers = [artifact.relpath for artifact in built.artifacts if artifact.relpath]
    result = await Get(
        ProcessResult,
        Process(
            argv=(python.path, "-I", "read_distributions.py", *layers),
            input_digest=await Get(Digest, MergeDigests([built.digest, program])),
            description=f"Read the distributions of {request.field_set.address}",
        ),
    )
    return LayerContent(result.stdout)


@rule(desc="Explain a lockfile")
async def explain_lock(
    request: LockExplanationRequest, python_setup: PythonSetup, tool: ImageExplanation
) -> LockExplanation:
    if not tool.install_from_resolve:
        raise OptionsError(
            f"[{tool.options_scope}].install_from_resolve is not set, so there is no lockfile to "
            "install packaging from. Name the resolve that has it, e.g. install_from_resolve = "
            "'dev' and requirements = ['packaging']."
        )
    lockfile = await Get(Lockfile, Resolve(request.resolve, use_entire_lockfile=True))
    loaded = await Get(LoadedLockfile, LoadedLockfileRequest(lockfile))
    (content,) = await Get(DigestContents, Digest, loaded.lockfile_digest)
    graph = read_lock(content.content.decode())
    asked = (*graph.roots, *(one for required in graph.requires.values() for one in required))
    markers = sorted({one.marker for one in asked if one.marker})
    packaging, inputs = await MultiGet(
        Get(
            VenvPex,
            PexRequest(
                output_filename="packaging.pex",
                internal_only=True,
                requirements=tool.pex_requirements(),
                interpreter_constraints=InterpreterConstraints(
                    python_setup.interpreter_constraints
                ),
            ),
        ),
        Get(
            Digest,
            CreateDigest(
                [
                    script("evaluate_markers.py"),
                    FileContent("markers.json", json.dumps(markers).encode()),
                ]
            ),
        ),
    )
    result = await Get(
        ProcessResult,
        VenvPexProcess(
            packaging,
            argv=("evaluate_markers.py", "markers.json"),
            input_digest=inputs,
            description=f"Evaluate the markers of {lockfile.url}",
        ),
    )
    truth: dict[str, Any] = json.loads(result.stdout)
    return LockExplanation(graph, truth)


def rules() -> Iterable[object]:
    return (*collect_rules(), *pex.rules())
