"""What can be said of a layer and of a lockfile, each by one cached process."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PexRequest, VenvPex
from pants.engine.fs import Digest, FileContent
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, collect_rules, rule

from qingkong_build.oci.explain.subsystem import ImageExplanation
from qingkong_build.python_lock.lock_graph import LockGraph, parse
from qingkong_build.python_lock.resolve_lock import ResolveLock, ResolveLockRequest
from qingkong_build.sandbox.rules import PexScriptRequest, ScriptRequest
from qingkong_build.sandbox.rules import rules as script_rules
from qingkong_build.sandbox.script import Script

_READ_DISTRIBUTIONS = Script("qingkong_build.oci.explain", "read_distributions")
_EVALUATE_MARKERS = Script("qingkong_build.oci.explain", "evaluate_markers")


@dataclass(frozen=True)
class LayerContentRequest:
    """Read the distributions of a layer: `files` are the tars of it in `digest`."""

    layer: str
    digest: Digest
    files: tuple[str, ...]


@dataclass(frozen=True)
class LayerContent:
    """JSON that scripts/read_distributions.py has written."""

    text: bytes


@dataclass(frozen=True)
class LockExplanationRequest:
    """Explain the lockfile of `resolve`.

    `requirements` are those to begin with; None takes all that the lockfile was made from.
    """

    resolve: str
    requirements: tuple[str, ...] | None = None


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


@rule(desc="Read the distributions of a layer")
async def read_layer(request: LayerContentRequest, python_setup: PythonSetup) -> LayerContent:
    result = await Get(
        ProcessResult,
        ScriptRequest(
            _READ_DISTRIBUTIONS,
            request.files,
            f"Read the distributions of {request.layer}",
            InterpreterConstraints(python_setup.interpreter_constraints),
            digest=request.digest,
        ),
    )
    return LayerContent(result.stdout)


@rule(desc="Explain a lockfile")
async def explain_lock(
    request: LockExplanationRequest, python_setup: PythonSetup, tool: ImageExplanation
) -> LockExplanation:
    graph = (await Get(ResolveLock, ResolveLockRequest(request.resolve))).graph
    if request.requirements is not None:
        graph = replace(graph, roots=tuple(map(parse, request.requirements)))
    asked = (*graph.roots, *(one for required in graph.requires.values() for one in required))
    markers = sorted({one.marker for one in asked if one.marker})
    packaging = await Get(
        VenvPex,
        PexRequest(
            output_filename="packaging.pex",
            internal_only=True,
            requirements=tool.pex_requirements(),
            interpreter_constraints=InterpreterConstraints(python_setup.interpreter_constraints),
        ),
    )
    result = await Get(
        ProcessResult,
        PexScriptRequest(
            _EVALUATE_MARKERS,
            ("markers.json",),
            f"Evaluate the markers of {graph.path}",
            packaging,
            files=(FileContent("markers.json", json.dumps(markers).encode()),),
        ),
    )
    truth: dict[str, Any] = json.loads(result.stdout)
    return LockExplanation(graph, truth)


def rules() -> Iterable[object]:
    return (*collect_rules(), *script_rules())
