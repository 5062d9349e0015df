"""Reads Pex's lockfiles: what of one a platform needs, and which wheel of each distribution.

Plain functions. Nothing is resolved, built or run: a lockfile is a document.
"""

from __future__ import annotations

import json
import posixpath
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from pants.backend.python.pip_requirement import PipRequirement
from pants.util.frozendict import FrozenDict

from image_layer.target_platform import TargetPlatform


class LockfileError(Exception):
    """What is wrong, where, with which value, and the mend."""


@dataclass(frozen=True)
class Artifact:
    """A file of a distribution; `url` may have `${NAME}`s of `[python-repos].path_mappings`."""

    url: str
    sha256: str

    @property
    def filename(self) -> str:
        return posixpath.basename(unquote(urlsplit(self.url).path))


@dataclass(frozen=True)
class LockedDistribution:
    """One locked version; `name` is normalised (PEP 503), `requires` are PEP 508 texts."""

    name: str
    version: str
    requires: tuple[str, ...]
    artifacts: tuple[Artifact, ...]


@dataclass(frozen=True)
class LockedResolve:
    """A lockfile: `path`, for errors, what was asked for, and what was locked for it, by name."""

    path: str
    requirements: tuple[str, ...]
    distributions: FrozenDict[str, LockedDistribution]


def _artifact(path: str, entry: Mapping[str, Any]) -> Artifact:
    if entry["algorithm"] != "sha256":
        raise LockfileError(
            f"{path} has a hash of the algorithm {entry['algorithm']!r} for {entry['url']}. Only "
            "sha256 is accepted: generate the lockfile again from an index that gives it."
        )
    return Artifact(entry["url"], entry["hash"])


def parse_lockfile(path: str, content: bytes) -> LockedResolve:
    """The lockfile at `path`, without its header of `//` lines.

    Raises `LockfileError` if it is not one that Pex wrote for any platform.
    """
    mend = (
        "Only lockfiles that Pex wrote with `--style universal` can be read, which those of "
        "`pants generate-lockfiles` are: generate it again."
    )
    try:
        data = json.loads(content)
        resolves = data["locked_resolves"]
        if len(resolves) != 1:
            raise LockfileError(f"{path} holds {len(resolves)} resolves instead of one. {mend}")
        distributions: dict[str, LockedDistribution] = {
            name: LockedDistribution(
                name,
                entry["version"],
                tuple(entry["requires_dists"]),
                tuple(_artifact(path, artifact) for artifact in entry["artifacts"]),
            )
            for entry in resolves[0]["locked_requirements"]
            for name in (canonicalize_name(entry["project_name"]),)
        }
        return LockedResolve(path, tuple(data["requirements"]), FrozenDict(distributions))
    except (ValueError, KeyError, TypeError) as error:
        raise LockfileError(
            f"{path} is no lockfile of Pex ({type(error).__name__}: {error}). {mend}"
        ) from error


def needed(resolve: LockedResolve, platform: TargetPlatform) -> dict[str, tuple[str, ...]]:
    """What `platform` needs of `resolve`: by name, the shortest way by which it is required.

    A way starts with one of the requirements that were asked for and ends with the name.
    """
    environment = platform.marker_environment()
    found: dict[str, tuple[str, ...]] = {}
    seen: set[tuple[str, str]] = set()
    todo: deque[tuple[str, str, tuple[str, ...]]] = deque(
        (text, "", ()) for text in resolve.requirements
    )
    while todo:
        text, extra, way = todo.popleft()
        requirement = PipRequirement.parse(text, resolve.path).as_pkg_resources_requirement()
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.project_name)
        if name not in resolve.distributions:
            raise LockfileError(
                f"{resolve.path} has no {name!r}, which {platform} needs "
                f"({' -> '.join((*way, name))}). Generate the lockfile again."
            )
        here = (*way, name)
        found.setdefault(name, here)
        for wanted in ("", *sorted(requirement.extras)):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                todo.extend((child, wanted, here) for child in resolve.distributions[name].requires)
    return found


def _rank(filename: str, ranks: Mapping[Tag, int]) -> tuple[int, int, str] | None:
    """How well a wheel fits, lower is better; None for what does not fit or is no wheel."""
    try:
        _, _, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return None
    fitting = [ranks[tag] for tag in tags if tag in ranks]
    # Of two builds of one wheel, the later is meant to take the place of the other.
    return (min(fitting), -(build[0] if build else 0), filename) if fitting else None


def choose_wheel(
    resolve: LockedResolve, distribution: LockedDistribution, platform: TargetPlatform
) -> Artifact:
    """The wheel that fits `platform` best, as an installer there would choose."""
    ranks: dict[Tag, int] = {}
    for number, tag in enumerate(platform.tags()):
        ranks.setdefault(tag, number)
    ranked = [(_rank(x.filename, ranks), x) for x in distribution.artifacts]
    fitting = [(rank, artifact) for rank, artifact in ranked if rank is not None]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    what = f"{distribution.name} {distribution.version}"
    wheels = [x.filename for x in distribution.artifacts if x.filename.endswith(".whl")]
    if not wheels:
        raise LockfileError(
            f"{resolve.path} has only a source distribution of {what} "
            f"({_listed(x.filename for x in distribution.artifacts)}), and nothing is built for a "
            "layer. Require a version that has wheels, or build it with a target of its own and "
            "leave it out of the resolve."
        )
    raise LockfileError(
        f"{resolve.path} has no wheel of {what} for {platform}, only {_listed(wheels)}. Require "
        "a version that has one, correct the 'platform' and 'glibc' fields, or build it with a "
        "target of its own and leave it out of the resolve."
    )


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:6]) + (f" and {len(ordered) - 6} more" if len(ordered) > 6 else "")
