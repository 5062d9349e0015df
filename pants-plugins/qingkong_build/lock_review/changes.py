"""What differs between two lockfiles of one resolve. Plain functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from qingkong_build.python_lock.lock_graph import LockGraph

_OPERATOR = re.compile(r"\s+(?:AND|OR)\s+|[()]|,")


@dataclass(frozen=True)
class Change:
    """Of one project: `old` is None where it was added, `new` where it was removed."""

    name: str
    old: str | None
    new: str | None

    @property
    def kind(self) -> str:
        """`added`, `removed`, `upgraded` or `downgraded`; `changed` where no order is known."""
        if self.old is None:
            return "added"
        if self.new is None:
            return "removed"
        try:
            return "upgraded" if Version(self.new) > Version(self.old) else "downgraded"
        except InvalidVersion:
            return "changed"


@dataclass(frozen=True)
class LockChanges:
    """All of one resolve, by name.

    Attributes:
        replaced: files of a version that both lockfiles have, with other content.
    """

    resolve: str
    path: str
    changes: tuple[Change, ...]
    replaced: tuple[str, ...]


def compare(resolve: str, old: LockGraph, new: LockGraph) -> LockChanges:
    """What `new` changes of `old`."""
    names = sorted(old.versions.keys() | new.versions.keys())
    changes = tuple(
        Change(name, old.versions.get(name), new.versions.get(name))
        for name in names
        if old.versions.get(name) != new.versions.get(name)
    )
    kept = [name for name in names if old.versions.get(name) == new.versions.get(name)]
    replaced = [file for name in kept for file in _replaced(old, new, name)]
    return LockChanges(resolve, new.path, changes, tuple(sorted(replaced)))


def _replaced(old: LockGraph, new: LockGraph, name: str) -> Iterator[str]:
    before = {artifact.filename: artifact.sha256 for artifact in old.artifacts[name]}
    for artifact in new.artifacts[name]:
        if before.get(artifact.filename, artifact.sha256) != artifact.sha256:
            yield artifact.filename


def is_allowed(license_text: str, allowed: Iterable[str]) -> bool:
    """Whether each license of `A AND B`, or one of `A OR B`, is allowed; so is the whole text."""
    known = {text.casefold() for text in allowed}
    if license_text.casefold() in known:
        return True
    # What is in brackets would need a parser, and a person does as well.
    choose = any if re.search(r"\sOR\s", license_text) else all
    if choose is any and re.search(r"\sAND\s|[()]", license_text):
        return False
    parts = [part.strip() for part in _OPERATOR.split(license_text) if part.strip()]
    return bool(parts) and choose(part.casefold() in known for part in parts)


def pin_groups(graphs: Sequence[LockGraph]) -> tuple[tuple[str, ...], ...]:
    """Every `name==version` of the lockfiles, in as few groups as have each name once."""
    versions: dict[str, list[str]] = {}
    for graph in graphs:
        for name, version in graph.versions.items():
            if version not in versions.setdefault(name, []):
                versions[name].append(version)
    depth = max(map(len, versions.values()), default=0)
    return tuple(
        tuple(
            f"{name}=={found[number]}"
            for name, found in sorted(versions.items())
            if number < len(found)
        )
        for number in range(depth)
    )
