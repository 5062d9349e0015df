"""The daemon of a clone, as the system counts it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KILOBYTE = 1024
# Positions after the name in /proc/PID/stat, which is in parentheses.
_OWN, _CHILDREN = slice(11, 13), slice(13, 15)


@dataclass(frozen=True)
class Usage:
    """Of one daemon: processor seconds of itself and of its processes, and bytes of memory."""

    process: int
    own: float
    children: float
    memory: int


def usage(root: Path) -> Usage | None:
    """What the daemon of the repository has used since its start; None where none runs."""
    for file in (root / ".pids").glob("*/pantsd/pid"):
        process = int(file.read_text(encoding="utf-8"))
        folder = Path("/proc", str(process))
        try:
            numbers = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            status = (folder / "status").read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        [memory] = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return Usage(
            process,
            sum(map(int, numbers[_OWN])) / _TICKS,
            sum(map(int, numbers[_CHILDREN])) / _TICKS,
            int(memory.split()[1]) * _KILOBYTE,
        )
    return None
