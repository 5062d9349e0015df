"""Reading lockfiles without Pants and Pex: what is locked, and what of it one Python needs.

For tests of what was built and of what was said of it. It has nothing in common with the two
readings that made these (python_lock/lock_graph.py, oci/attest/scripts/locked_closure.py
in pants-plugins/). Keep it so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class Lock:
    """A lockfile.

    Attributes:
        roots: the requirements that were asked for.
        versions: the locked version of each project.
        requires: what each project requires, with markers.
    """

    roots: tuple[Requirement, ...]
    versions: dict[str, str]
    requires: dict[str, tuple[Requirement, ...]]

    def closure(self, environment: dict[str, str]) -> dict[str, str]:
        """Version of each project that the roots need in an environment of markers."""
        found: dict[str, str] = {}
        seen: set[tuple[str, str]] = set()
        todo = [(requirement, "") for requirement in self.roots]
        while todo:
            requirement, extra = todo.pop()
            marker = requirement.marker
            if marker is not None and not marker.evaluate({**environment, "extra": extra}):
                continue
            name = canonicalize_name(requirement.name)
            assert requirement.specifier.contains(self.versions[name], prereleases=True)
            found[name] = self.versions[name]
            for wanted in ("", *requirement.extras):
                if (name, wanted) not in seen:
                    seen.add((name, wanted))
                    todo += [(child, wanted) for child in self.requires[name]]
        return found


def framework_lock() -> Lock:
    """The lockfile of production, as far as the framework's own requirements go: services may have
    more in it."""
    lock = read_lock("3rdparty/prod.lock")
    lines = Path("3rdparty/prod/requirements.txt").read_text(encoding="utf-8").splitlines()
    names = {
        canonicalize_name(Requirement(line).name)
        for line in lines
        if line.strip() and not line.startswith("#")
    }
    return replace(lock, roots=tuple(x for x in lock.roots if canonicalize_name(x.name) in names))


def read_lock(path: str) -> Lock:
    """Read a lockfile of Pants: JSON after a header of ``//`` lines."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    data: dict[str, Any] = json.loads("\n".join(x for x in lines if not x.startswith("//")))
    (resolve,) = data["locked_resolves"]
    locked = {canonicalize_name(x["project_name"]): x for x in resolve["locked_requirements"]}
    return Lock(
        tuple(map(Requirement, data["requirements"])),
        {name: entry["version"] for name, entry in locked.items()},
        {name: tuple(map(Requirement, x["requires_dists"])) for name, x in locked.items()},
    )
