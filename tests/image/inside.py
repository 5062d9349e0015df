"""Runs in a container, as ``python -c``, and prints what only that Python can tell, as JSON.

It imports nothing but the standard library before it has looked around. Its arguments are names
of modules that should not be there.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import importlib.util
import json
import os
import pkgutil
import platform
import shutil
import sys
import threading
import time
from typing import TypedDict

COMPILERS = ("gcc", "g++", "cc", "c++", "cpp", "clang", "ld", "as", "make", "cython", "rustc")
#: Where the operator lets the process write; what the kernel makes is not part of the image.
WRITABLE = ("/proc", "/sys", "/dev", "/tmp", "/var/tmp", "/run/lock", "/var/lib/qingkong")


class Report(TypedDict):
    """What is printed."""

    user: list[int]
    folder: str
    search_path: list[str]
    environment: dict[str, str]
    markers: dict[str, str]
    distributions: list[list[str]]
    found_modules: list[str]
    found_programs: list[str]
    writable: list[str]
    time_zone: str
    time_zone_names: list[str]
    utc_offset: float
    driver_modules: list[str]
    subnormal: list[bool]


def markers() -> dict[str, str]:
    """The environment of PEP 508 markers."""
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def writable() -> list[str]:
    """Files and folders of the image that this process may change."""
    found: list[str] = []
    for folder, names, files in os.walk("/"):
        names[:] = [name for name in names if os.path.join(folder, name) not in WRITABLE]
        found += [
            path
            for path in (folder, *(os.path.join(folder, name) for name in files))
            if not os.path.islink(path) and os.access(path, os.W_OK)
        ]
    return found


def keeps_subnormal() -> bool:
    """Whether the smallest number is told from zero: no for a process that flushes to zero."""
    smallest = float("5e-324")
    return smallest != 0.0 and smallest * 2 > smallest


def import_driver() -> list[str]:
    """Import every module of the driver that is machine code, and name them."""
    asyncmy = importlib.import_module("asyncmy")
    compiled = []
    for module in pkgutil.walk_packages(asyncmy.__path__, "asyncmy."):
        spec = importlib.util.find_spec(module.name)
        if spec is not None and (spec.origin or "").endswith(".so"):
            importlib.import_module(module.name)
            compiled.append(module.name)
    return compiled


def main() -> None:
    """Look around, then import the driver."""
    now = datetime.datetime.now().astimezone()
    offset = now.utcoffset()
    # The flag is one of the processor for each thread, so new threads are asked too.
    subnormal = [keeps_subnormal()]
    found_modules = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
    driver_modules = import_driver()
    subnormal.append(keeps_subnormal())
    thread = threading.Thread(target=lambda: subnormal.append(keeps_subnormal()))
    thread.start()
    thread.join()
    report: Report = {
        "user": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), *os.getgroups()],
        "folder": os.getcwd(),
        "search_path": sys.path,
        "environment": dict(os.environ),
        "markers": markers(),
        "distributions": [[x.name, x.version] for x in importlib.metadata.distributions()],
        "found_modules": found_modules,
        "found_programs": [name for name in COMPILERS if shutil.which(name)],
        "writable": writable(),
        "time_zone": os.path.realpath("/etc/localtime"),
        "time_zone_names": list(time.tzname),
        "utc_offset": offset.total_seconds() if offset else 0.0,
        "driver_modules": driver_modules,
        "subnormal": subnormal,
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
