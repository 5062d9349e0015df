"""How much work a turn has, and what it took."""

from __future__ import annotations

import hashlib
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

CONNECTIONS = 50


class Size(NamedTuple):
    """The sizes of the workloads.

    Attributes:
        rows: how many the scanned table has, all of which a scan reads.
        points: how many queries by key one connection makes, one after the other.
        inserts: how many rows one `executemany` inserts.
        pooled: how many queries by key each of the 50 connections makes.
    """

    rows: int
    points: int
    inserts: int
    pooled: int

    def keys(self, count: int) -> list[int]:
        """`count` keys of the scanned table, spread over it, in an order that is no order."""
        return [number * 7919 % self.rows for number in range(count)]


class Taken(dict[str, float]):
    """Seconds by `wall` and `cpu`; the processor's are of this process with all its threads."""


@contextmanager
def taking() -> Iterator[Taken]:
    """Measures its block."""
    taken = Taken()
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    yield taken
    taken["wall"] = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    taken["cpu"] = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def expect(what: str, actual: object, expected: object) -> None:
    """Refuse a workload that did not do its work.

    Raises:
        RuntimeError: it did not; with what it did instead.
    """
    if actual != expected:
        raise RuntimeError(f"{what}: expected {expected!r}, but the driver gave {actual!r}")


def digest(rows: Iterable[tuple[Any, ...]]) -> str:
    """One text for what a scan gave: types and values, in order."""
    hashed = hashlib.sha256()
    for row in rows:
        hashed.update(repr(tuple(row)).encode())
    return hashed.hexdigest()
