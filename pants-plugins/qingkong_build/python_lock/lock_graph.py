"""What a lockfile of Pants says: what is locked, from which files, and what asks for it.

Whatever builds or explains reads lockfiles here: layers, `[production-closure]`,
`image_explanation`. Whatever checks what was built has a reading of its own, in which a mistake of
this one does not come back: oci/attest/scripts/locked_closure.py for the bill of materials, which
is an error where the image is not what it says, and a repository's tests of its image. Share
nothing with these.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

from pants.util.frozendict import FrozenDict

from qingkong_build.python_lock.errors import LockfileError

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
class Artifact:
    """A file of a distribution; `url` may have `${NAME}`s of `[python-repos].path_mappings`."""

    url: str
    sha256: str

    @property
    def filename(self) -> str:
        return posixpath.basename(unquote(urlsplit(self.url).path))


@dataclass(frozen=True)
class LockGraph:
    """A lockfile of one resolve. Projects go by their normalised names.

    Attributes:
        path: of the lockfile, for errors.
        roots: the requirements it was made from.
        versions: the locked version of each project.
        requires: what each project asks for.
        artifacts: what each project may be installed from.
    """

    path: str
    roots: tuple[Asked, ...]
    versions: FrozenDict[str, str]
    requires: FrozenDict[str, tuple[Asked, ...]]
    artifacts: FrozenDict[str, tuple[Artifact, ...]]

    def reached(self, holds: Holds = anywhere) -> dict[str, Chain]:
        """The shortest chain from a root to each project that is needed."""
        return self._walk(self.roots, holds)[0]

    def lacking(self, holds: Holds) -> dict[str, Chain]:
        """The same, of what is asked for and not locked: for another platform, or by mistake."""
        return self._walk(self.roots, holds)[1]

    def chains_to(self, name: str, holds: Holds = anywhere) -> list[Chain]:
        """The shortest chain to a project from each root that needs it, shortest first."""
        found = (self._walk((root,), holds)[0].get(name) for root in self.roots)
        return sorted(
            (chain for chain in found if chain), key=lambda chain: (len(chain), str(chain))
        )

    def _walk(
        self, roots: Sequence[Asked], holds: Holds
    ) -> tuple[dict[str, Chain], dict[str, Chain]]:
        chains: dict[_Node, Chain] = {}
        lacking: dict[str, Chain] = {}
        todo: deque[_Node] = deque()

        def ask(requirements: Sequence[Asked], extra: str, chain: Chain) -> None:
            for asked in requirements:
                if not _wanted(asked, extra, holds):
                    continue
                longer = (*chain, Step(asked.name, asked.text))
                if asked.name not in self.versions:
                    lacking.setdefault(asked.name, longer)
                    continue
                for wanted in ("", *asked.extras):
                    if (asked.name, wanted) not in chains:
                        chains[asked.name, wanted] = longer
                        todo.append((asked.name, wanted))

        ask(roots, "", ())
        while todo:
            name, extra = todo.popleft()
            ask(self.requires[name], extra, chains[name, extra])
        return {name: chain for (name, extra), chain in chains.items() if not extra}, lacking


def _wanted(asked: Asked, extra: str, holds: Holds) -> bool:
    """Whether `extra` is what asks for this; what is asked for without any belongs to ""."""
    if not asked.marker:
        return not extra
    return holds(asked.marker, extra) and (not extra or not holds(asked.marker, ""))


def _artifact(path: str, entry: Mapping[str, Any]) -> Artifact:
    if entry["algorithm"] != "sha256":
        raise LockfileError(
            f"{path} has a hash of the algorithm {entry['algorithm']!r} for {entry['url']}. Only "
            "sha256 is accepted: generate the lockfile again from an index that gives it."
        )
    return Artifact(entry["url"], entry["hash"])


def read_lock(path: str, text: str) -> LockGraph:
    """Read the lockfile at `path`: JSON of Pex, with or without its header of `//` lines.

    Raises `LockfileError` if it is not one that Pex wrote for any platform.
    """
    fix = (
        "Only lockfiles that Pex wrote with `--style universal` can be read, which those of "
        "`pants generate-lockfiles` are: generate it again."
    )
    try:
        data = json.loads(
            "\n".join(line for line in text.splitlines() if not line.startswith("//"))
        )
        resolves = data["locked_resolves"]
        if not resolves and not data["requirements"]:
            # That of a resolve without requirements.
            resolves = [{"locked_requirements": []}]
        if len(resolves) != 1:
            raise LockfileError(f"{path} holds {len(resolves)} resolves instead of one. {fix}")
        locked: dict[str, Mapping[str, Any]] = {
            normalised(entry["project_name"]): entry for entry in resolves[0]["locked_requirements"]
        }
        return LockGraph(
            path,
            tuple(map(parse, data["requirements"])),
            FrozenDict({name: entry["version"] for name, entry in locked.items()}),
            FrozenDict(
                {name: tuple(map(parse, entry["requires_dists"])) for name, entry in locked.items()}
            ),
            FrozenDict(
                {
                    name: tuple(_artifact(path, artifact) for artifact in entry["artifacts"])
                    for name, entry in locked.items()
                }
            ),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LockfileError(
            f"{path} is no lockfile of Pex ({type(error).__name__}: {error}). {fix}"
        ) from error
