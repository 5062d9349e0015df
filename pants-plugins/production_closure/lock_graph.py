"""Which requirement brings which project into a lockfile, by the lockfile's own account.

Standard library only: Pants runs it, and `image_explanation` beside the layers, with a real
evaluation of markers.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

# A project, and the extra of it that is asked for: "" for the project itself.
_Node = tuple[str, str]
# Whether a marker holds when an extra ("" for none) was asked for.
Holds = Callable[[str, str], bool]

# PEP 508: a name, extras, and after a semicolon the marker.
_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?([^;]*)(?:;(.*))?", re.S
)
_EXTRA = re.compile(r"""\bextra\s*==\s*['"]([^'"]+)['"]""")


def normalised(name: str) -> str:
    """The name of a project as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Asked:
    """A requirement: `web[fast]>=1; marker`, taken apart.

    Attributes:
        name: normalised.
        extras: normalised.
        text: all of it but the marker.
        marker: "" for none.
    """

    name: str
    extras: tuple[str, ...]
    text: str
    marker: str


def parse(requirement: str) -> Asked:
    """Take a requirement apart. ValueError if it does not begin with a name."""
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} is no requirement: it does not begin with a name")
    name, extras, _, marker = match.groups()
    return Asked(
        normalised(name),
        tuple(sorted(normalised(extra.strip()) for extra in (extras or "").split(",") if extra)),
        requirement.split(";", maxsplit=1)[0].strip(),
        (marker or "").strip(),
    )


def anywhere(marker: str, extra: str) -> bool:
    """Takes every marker for true, except that an extra must have been asked for."""
    extras = {normalised(name) for name in _EXTRA.findall(marker)}
    return extra in extras if extras else not extra


@dataclass(frozen=True)
class Step:
    """A requirement of a chain: `text` is what was asked for, `name` what it brought."""

    name: str
    text: str


Chain = tuple[Step, ...]


@dataclass(frozen=True)
class LockGraph:
    """A lockfile of one resolve.

    Attributes:
        roots: the requirements it was made from.
        versions: the locked version of each project, by normalised name.
        requires: what each project asks for.
    """

    roots: Sequence[Asked]
    versions: Mapping[str, str]
    requires: Mapping[str, Sequence[Asked]]

    def reached(self, holds: Holds = anywhere) -> dict[str, Chain]:
        """The shortest chain from a root to each project that is needed."""
        return self._reached(self.roots, holds)

    def chains_to(self, name: str, holds: Holds = anywhere) -> list[Chain]:
        """The shortest chain to a project from each root that needs it, shortest first."""
        found = (self._reached((root,), holds).get(name) for root in self.roots)
        return sorted(
            (chain for chain in found if chain), key=lambda chain: (len(chain), str(chain))
        )

    def _reached(self, roots: Sequence[Asked], holds: Holds) -> dict[str, Chain]:
        chains: dict[_Node, Chain] = {}
        todo: deque[_Node] = deque()

        def ask(requirements: Sequence[Asked], extra: str, chain: Chain) -> None:
            for asked in requirements:
                if asked.name not in self.versions or not _wanted(asked, extra, holds):
                    continue
                for wanted in ("", *asked.extras):
                    if (asked.name, wanted) not in chains:
                        chains[asked.name, wanted] = (*chain, Step(asked.name, asked.text))
                        todo.append((asked.name, wanted))

        ask(roots, "", ())
        while todo:
            name, extra = todo.popleft()
            ask(self.requires[name], extra, chains[name, extra])
        return {name: chain for (name, extra), chain in chains.items() if not extra}


def _wanted(asked: Asked, extra: str, holds: Holds) -> bool:
    """Whether `extra` is what asks for this; what is asked for without any belongs to ""."""
    if not asked.marker:
        return not extra
    return holds(asked.marker, extra) and (not extra or not holds(asked.marker, ""))


def read_lock(text: str) -> LockGraph:
    """Read a lockfile of Pants: JSON of pex, after a header of `//` lines."""
    data: dict[str, Any] = json.loads(
        "\n".join(line for line in text.splitlines() if not line.startswith("//"))
    )
    versions: dict[str, str] = {}
    requires: dict[str, tuple[Asked, ...]] = {}
    for resolve in data["locked_resolves"]:
        for locked in resolve["locked_requirements"]:
            name = normalised(locked["project_name"])
            versions[name] = locked["version"]
            requires[name] = tuple(map(parse, locked["requires_dists"]))
    return LockGraph(tuple(map(parse, data["requirements"])), versions, requires)
