"""Where something was measured: what its figures depend on, and nothing that names the machine."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_MEMORY_INFO = Path("/proc/meminfo")
_OS_RELEASE = Path("/etc/os-release")
_UNKNOWN = "unknown"


def environment(**more: str) -> dict[str, str]:
    """What to print beside figures, in the order to print it in; `more` comes last."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "commit": _commit(),
        "processor": f"{_value(_CPU_INFO, 'model name', ':')}, {os.cpu_count()} cores",
        "memory": _memory(),
        # Without what the builder of the kernel called it.
        "system": f"{_value(_OS_RELEASE, 'PRETTY_NAME', '=')}, "
        f"Linux {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.2f}",
        **more,
    }


def _value(path: Path, name: str, separator: str) -> str:
    """The value of the first line of a file that starts with `name`."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return _UNKNOWN
    for line in lines:
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip().strip('"')
    return _UNKNOWN


def _memory() -> str:
    """As the kernel has it, in GiB."""
    kilobytes, _, unit = _value(_MEMORY_INFO, "MemTotal", ":").partition(" ")
    return f"{int(kilobytes) / 2**20:.0f} GiB" if unit == "kB" else _UNKNOWN


def _commit() -> str:
    """The revision of the working directory, and whether it was changed since."""
    revision = _git("rev-parse", "--short=12", "HEAD")
    if not revision:
        return _UNKNOWN
    return f"{revision}, with changes" if _git("status", "--porcelain") else revision


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
