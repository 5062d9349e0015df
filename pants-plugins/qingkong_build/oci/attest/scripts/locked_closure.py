"""What a lockfile of Pants says is installed for one platform.

The reading that checks: it has nothing in common with the one by which layers are built
(python_lock/lock_graph.py), so that a mistake there makes the image and the bill differ,
which is an error. Keep it so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attest_error import AttestError
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

# What Python calls an architecture that an image's configuration calls otherwise.
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Artifact:
    """A file that a distribution may be installed from.

    Attributes:
        name: of the file.
        sha256: 64 hex digits.
        tags: of a wheel; none of a source distribution.
    """

    name: str
    sha256: str
    tags: frozenset[Tag]


@dataclass(frozen=True)
class Locked:
    """A distribution.

    Attributes:
        name: normalised.
        version: exact.
        artifacts: what it may come from.
        requires: normalised names of the distributions that it asks for on this platform.
        origin: the file that says so: a lockfile, or a wheel built here.
    """

    name: str
    version: str
    artifacts: tuple[Artifact, ...]
    requires: tuple[str, ...]
    origin: str


def marker_environment(python: str, architecture: str, system: str = "linux") -> dict[str, str]:
    """What markers (PEP 508) are judged with: that of the image, not of this interpreter."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": _MACHINES.get(architecture, architecture),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": system.capitalize(),
        "platform_version": "",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": system,
    }


def artifact(name: str, sha256: str) -> Artifact:
    """An artifact by its file's name."""
    try:
        return Artifact(name, sha256, parse_wheel_filename(name)[3])
    except InvalidWheelFilename:
        return Artifact(name, sha256, frozenset())


def closure(
    lockfile: Path, environment: Mapping[str, str], roots: Sequence[str] | None = None
) -> dict[str, Locked]:
    """What is installed from a lockfile, by name: `roots` and all that they ask for.

    Without `roots` they are all requirements that were locked.
    """
    lines = lockfile.read_text(encoding="utf-8").splitlines()
    document = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    entries: dict[str, dict[str, Any]] = {
        canonicalize_name(entry["project_name"]): entry
        for resolve in document["locked_resolves"]
        for entry in resolve["locked_requirements"]
    }
    # What asks for a root.
    top = "its header" if roots is None else "the image"
    asked: dict[str, set[str]] = {}
    edges: dict[str, set[str]] = {}
    waiting: list[tuple[str | None, Requirement]] = [
        (None, Requirement(text)) for text in (document["requirements"] if roots is None else roots)
    ]
    while waiting:
        parent, requirement = waiting.pop()
        if not _applies(requirement, asked.get(parent or "", set()), environment):
            continue
        name = canonicalize_name(requirement.name)
        if name not in entries:
            raise AttestError(
                f"{lockfile} locks no {name!r}, which {parent or top} asks for. Fix: run "
                "`pants generate-lockfiles`."
            )
        edges.setdefault(parent or "", set()).add(name)
        new = {"", *requirement.extras} - asked.setdefault(name, set())
        if new:
            asked[name] |= new
            texts = entries[name].get("requires_dists", ())
            waiting += [(name, Requirement(text)) for text in texts]
    return {
        name: Locked(
            name,
            entries[name]["version"],
            tuple(_artifacts(entries[name]["artifacts"])),
            tuple(sorted(edges.get(name, ()))),
            str(lockfile),
        )
        for name in sorted(asked)
    }


def built_wheel(path: Path, sha256: str) -> Locked:
    """A wheel that was built here."""
    name, version, _, tags = parse_wheel_filename(path.name)
    return Locked(name, str(version), (Artifact(path.name, sha256, tags),), (), path.name)


def _artifacts(entries: Iterable[dict[str, str]]) -> Iterable[Artifact]:
    for entry in entries:
        yield artifact(entry["url"].rpartition("/")[2].partition("#")[0], entry["hash"])


def _applies(requirement: Requirement, extras: set[str], environment: Mapping[str, str]) -> bool:
    marker = requirement.marker
    if marker is None:
        return True
    return any(marker.evaluate({**environment, "extra": extra}) for extra in {"", *extras})
