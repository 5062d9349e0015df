"""That a project which is built here is in no lockfile of the code that uses it.

Of two wheels with one version Pex takes the one with the better platform tag, which may be the
index's: no message, other code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.fs import DigestContents, PathGlobs
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import InvalidFieldException
from pants.util.ordered_set import FrozenOrderedSet


@dataclass(frozen=True)
class OnlySourceRequest:
    """Check `project` of `target` in the lockfiles of `resolves`; no names mean all resolves."""

    target: str
    project: str
    resolves: tuple[str, ...]


@dataclass(frozen=True)
class OnlySource:
    """The lockfiles that were read and do not have the project."""

    lockfiles: FrozenOrderedSet[str]


def normalise(project: str) -> str:
    """The one spelling of a project's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", project).lower()


def locked_version(lockfile: bytes, project: str) -> str | None:
    """The version of `project` in a lockfile of Pex or of pip's requirements, if it is there."""
    text = lockfile.decode(errors="replace")
    body = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
    wanted = normalise(project)
    if body.lstrip().startswith("{"):
        for resolve in json.loads(body)["locked_resolves"]:
            for requirement in resolve["locked_requirements"]:
                if normalise(requirement["project_name"]) == wanted:
                    return str(requirement["version"])
        return None
    for line in body.splitlines():
        match = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*==\s*([^\s;\\]+)", line)
        if match and normalise(match[1]) == wanted:
            return match[2]
    return None


@rule(desc="Look for native wheels in lockfiles")
async def check_lockfiles(request: OnlySourceRequest, python_setup: PythonSetup) -> OnlySource:
    paths = {
        name: python_setup.resolves[name]
        for name in request.resolves or tuple(python_setup.resolves)
        # An unknown name has an error of its own (module_mapping.py).
        if name in python_setup.resolves
    }
    # One that is not there yet is generated first, and locks nothing now.
    contents = await MultiGet(Get(DigestContents, PathGlobs([path])) for path in paths.values())
    for (resolve, path), files in zip(paths.items(), contents):
        for file in files:
            version = locked_version(file.content, request.project)
            if version is not None:
                raise InvalidFieldException(
                    f"The 'project' field in target {request.target} is {request.project!r}, "
                    f"which is also in the lockfile of the resolve {resolve!r}: {path} has "
                    f"version {version}. The wheel of the index could win over the one that is "
                    "built here, silently. Take it out of the requirements of that resolve and "
                    "of those that ask for it, and run `pants generate-lockfiles`; or leave the "
                    "resolve out of the 'resolves' field."
                )
    return OnlySource(FrozenOrderedSet(paths.values()))


def rules() -> Iterable[object]:
    return collect_rules()
