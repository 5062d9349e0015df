"""The platform that an image is for, described without looking at the machine that builds it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from packaging.tags import Tag, compatible_tags, cpython_tags

# OCI's name of each platform, and Linux's of its processor.
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
# Names from before PEP 600, for the glibc that each stands for.
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
#: What layers and images are for that name no platform.
DEFAULT_PLATFORM = "linux/amd64"
# The oldest glibc that wheels of a processor are made for.
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}


@dataclass(frozen=True)
class TargetPlatform:
    """CPython of one minor version on Linux with glibc.

    `name` is a key of `MACHINES`, `python` e.g. `(3, 12)`, `glibc` e.g. `(2, 36)`.
    """

    name: str
    python: tuple[int, int]
    glibc: tuple[int, int]

    def __str__(self) -> str:
        return (
            f"{self.name} with CPython {self.python[0]}.{self.python[1]} "
            f"and glibc {self.glibc[0]}.{self.glibc[1]}"
        )

    @property
    def machine(self) -> str:
        return MACHINES[self.name]

    def marker_environment(self) -> dict[str, str]:
        """The values of PEP 508's variables; of the Python's patch releases the first is meant."""
        version = f"{self.python[0]}.{self.python[1]}"
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{version}.0",
            "python_version": version,
            "sys_platform": "linux",
        }

    def tags(self) -> tuple[Tag, ...]:
        """What wheels may be made for, the most specific first."""
        return _tags(self)


# A resolve has dozens of wheels to choose from, for one platform.
@functools.lru_cache(maxsize=8)
def _tags(platform: TargetPlatform) -> tuple[Tag, ...]:
    platforms = []
    for minor in range(platform.glibc[1], _OLDEST_GLIBC[platform.machine] - 1, -1):
        platforms.append(f"manylinux_2_{minor}_{platform.machine}")
        if minor in _LEGACY:
            platforms.append(f"{_LEGACY[minor]}_{platform.machine}")
    platforms.append(f"linux_{platform.machine}")
    interpreter = f"cp{platform.python[0]}{platform.python[1]}"
    return (
        *cpython_tags(platform.python, [interpreter], platforms),
        *compatible_tags(platform.python, interpreter, platforms),
    )
