"""Noticing changes of source files, for ``--reload``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from fastapp.packages import installed

INTERVAL = 0.5
_SKIPPED = frozenset({"__pycache__", "node_modules", "venv"})


async def changes(folder: Path, interval: float = INTERVAL) -> AsyncIterator[set[Path]]:
    """Python files below ``folder`` that were changed, made or removed, in batches.

    By ``watchfiles`` when it is installed, which costs nothing while nothing happens; else by
    looking at the times of all files.
    """
    if installed("watchfiles"):
        async for batch in _from_watchfiles(folder):
            yield batch
        return
    before = await asyncio.to_thread(snapshot, folder)
    while True:
        await asyncio.sleep(interval)
        now = await asyncio.to_thread(snapshot, folder)
        found = {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
        before = now
        if found:
            yield found


def snapshot(folder: Path) -> dict[Path, tuple[int, int]]:
    """Time and size of every Python file below a folder. Folders with a dot are left out."""
    return dict(_scan(str(folder)))


def _scan(folder: str) -> Iterator[tuple[Path, tuple[int, int]]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _scan(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield Path(entry.path), (status.st_mtime_ns, status.st_size)
        except OSError:
            continue  # it was removed meanwhile


async def _from_watchfiles(folder: Path) -> AsyncIterator[set[Path]]:
    import importlib

    # By name: the package is optional, and not among the framework's requirements.
    watchfiles: Any = importlib.import_module("watchfiles")
    async for batch in watchfiles.awatch(folder, watch_filter=watchfiles.PythonFilter()):
        yield {Path(path) for _, path in batch}
