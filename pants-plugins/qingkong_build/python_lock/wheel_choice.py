"""What a platform needs of a lockfile, and which wheel of each distribution.

Plain functions. Nothing is resolved, built or run: a lockfile is a document, and
python_lock/lock_graph.py reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from pants.backend.python.pip_requirement import PipRequirement

from qingkong_build.python_lock.errors import LockfileError
from qingkong_build.python_lock.lock_graph import Artifact, Holds, LockGraph, normalised
from qingkong_build.python_lock.target_platform import TargetPlatform

_LITERAL = re.compile(r"""['"]([^'"]*)['"]""")


def holds_on(platform: TargetPlatform) -> Holds:
    """Whether a marker holds on `platform`."""
    environment = platform.marker_environment()

    # Not by `packaging.markers`: with what Pants 2.17 is installed with, importing that warns of
    # its own requirements, on each start.
    @cache
    def parsed(marker: str) -> Any:
        return PipRequirement.parse(f"any; {marker}").as_pkg_resources_requirement().marker

    def holds(marker: str, extra: str) -> bool:
        # The extra as it is asked for is normalised; in the marker it is as the project wrote it.
        spellings = {text for text in _LITERAL.findall(marker) if normalised(text) == extra}
        return any(
            parsed(marker).evaluate({**environment, "extra": spelling})
            for spelling in sorted(spellings | {extra})
        )

    return holds


def needed(lock: LockGraph, platform: TargetPlatform) -> dict[str, tuple[str, ...]]:
    """What `platform` needs of a lockfile: by name, the shortest way by which it is required.

    A way starts with one of the requirements that were asked for and ends with the name.
    """
    holds = holds_on(platform)
    try:
        for name, chain in lock.lacking(holds).items():
            raise LockfileError(
                f"{lock.path} has no {name!r}, which {platform} needs "
                f"({' -> '.join(step.name for step in chain)}). Generate the lockfile again."
            )
        reached = lock.reached(holds)
    except ValueError as error:
        raise LockfileError(
            f"{lock.path} has a requirement whose marker says nothing: {error}. Correct it where "
            "it is declared, or hold its project to another release, and generate the lockfile "
            "again."
        ) from error
    return {name: tuple(step.name for step in chain) for name, chain in reached.items()}


def _rank(filename: str, ranks: Mapping[Tag, int]) -> tuple[int, int, str] | None:
    """How well a wheel fits, lower is better; None for what does not fit or is no wheel."""
    try:
        _, _, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return None
    fitting = [ranks[tag] for tag in tags if tag in ranks]
    # Of two builds of one wheel, the later is meant to take the place of the other.
    return (min(fitting), -(build[0] if build else 0), filename) if fitting else None


def choose_wheel(lock: LockGraph, name: str, platform: TargetPlatform) -> Artifact:
    """The wheel that fits `platform` best, as an installer there would choose."""
    ranks: dict[Tag, int] = {}
    for number, tag in enumerate(platform.tags()):
        ranks.setdefault(tag, number)
    ranked = [(_rank(x.filename, ranks), x) for x in lock.artifacts[name]]
    fitting = [(rank, artifact) for rank, artifact in ranked if rank is not None]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    what = f"{name} {lock.versions[name]}"
    wheels = [x.filename for x in lock.artifacts[name] if x.filename.endswith(".whl")]
    if not wheels:
        raise LockfileError(
            f"{lock.path} has only a source distribution of {what} "
            f"({_listed(x.filename for x in lock.artifacts[name])}), and nothing is built for a "
            "layer. Require a version that has wheels, or build it with a target of its own and "
            "leave it out of the resolve."
        )
    raise LockfileError(
        f"{lock.path} has no wheel of {what} for {platform}, only {_listed(wheels)}. Require "
        "a version that has one, correct the 'platform' and 'glibc' fields, or build it with a "
        "target of its own and leave it out of the resolve."
    )


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:6]) + (f" and {len(ordered) - 6} more" if len(ordered) > 6 else "")
