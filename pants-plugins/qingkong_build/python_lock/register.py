"""Registers the check that only production requirements ship."""

from __future__ import annotations

from collections.abc import Iterable

from qingkong_build.python_lock import (
    graph,
    lock_rules,
    lockfile_dependencies,
    resolve_lock,
    subsystem,
)


def rules() -> Iterable[object]:
    return (
        *graph.rules(),
        *lock_rules.rules(),
        *lockfile_dependencies.rules(),
        *resolve_lock.rules(),
        *subsystem.rules(),
    )
