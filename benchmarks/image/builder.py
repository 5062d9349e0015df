"""What the engine's builder keeps: each run's own, so that no run is helped by one before it.

The builder is never emptied: what others of this machine have built stays theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from image.engine import Engine

_BASE = re.compile(r"^FROM \$\{BASE_IMAGE\}.*$", re.MULTILINE)
_CACHE_MOUNT = "type=cache,target="
_MARK = "BENCHMARK_RUN="
_CONTEXT = "source.local"
# The recipe, what it ignores, and what it is given.
_CONTEXTS_OF_A_BUILD = 3


def marked(recipe: str, run: str, caches: str) -> str:
    """A recipe whose commands are those of this run, with cache mounts of these caches.

    Whatever a stage does after its first command hangs on that one. Images of one run do not
    differ by it; the builder names the run in what it says of each command.

    Raises:
        ValueError: no stage starts from the base.
    """
    shell = json.dumps(["/usr/bin/env", f"{_MARK}{run}", "/bin/sh", "-c"])
    text, count = _BASE.subn(lambda match: f"{match[0]}\nSHELL {shell}", recipe)
    if not count:
        raise ValueError("the recipe has no line `FROM ${BASE_IMAGE}`; start a stage with it")
    return text.replace(_CACHE_MOUNT, f"type=cache,id={caches},target=")


@dataclass(frozen=True)
class Record:
    """Something that the builder keeps, made of what `parents` are."""

    id: str
    kind: str
    description: str
    parents: frozenset[str]


def records(engine: Engine) -> list[Record]:
    """All that the builder keeps."""
    told = engine.run("system", "df", "--verbose", "--format", "{{json .BuildCache}}").output
    return [
        Record(
            each["ID"],
            each["CacheType"],
            each["Description"],
            frozenset(filter(None, re.split(r"[,\s]+", each.get("Parent") or ""))),
        )
        for each in json.loads(told) or ()
    ]


def made_by(run: str, kept: Iterable[Record]) -> set[str]:
    """The identifiers of what the commands of a run have made, and of what was made of that."""
    left = list(kept)
    found = {record.id for record in left if f"{_MARK}{run} " in record.description}
    while more := {each.id for each in left if each.parents & found} - found:
        found |= more
    return found


def contexts(before: Iterable[Record], after: Iterable[Record]) -> set[str]:
    """The identifiers of the builder's copies of what one build was given.

    They do not say whose they are: where another build ran meanwhile, all are left alone.
    """
    known = {record.id for record in before}
    new = {record.id for record in after if record.kind == _CONTEXT} - known
    return new if len(new) <= _CONTEXTS_OF_A_BUILD else set()


def remove(engine: Engine, identifiers: Iterable[str]) -> None:
    """Have the builder forget these, and nothing else; those in use stay."""
    names = sorted(identifiers)
    if names:
        chosen = f"id=/^({'|'.join(names)})$/"
        engine.run("builder", "prune", "--force", "--all", "--filter", chosen)
