"""What of a distribution an image does not need: named rules, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

STRIP = "debug-symbols"


@dataclass(frozen=True)
class LeaveOut:
    """A rule: glob patterns of files, in which `*` matches `/` too, and why they are not needed."""

    patterns: tuple[str, ...]
    reason: str


RULES = {
    "tests": LeaveOut(
        ("tests/*", "*/tests/*"),
        "the package's own tests, in directories of the name `tests`; test support that a package "
        "offers to others has other names (`testing`, `test`) and stays",
    ),
    "type-stubs": LeaveOut(
        ("*.pyi", "*-stubs/*"),
        "read by type checkers only; the marker `py.typed` stays",
    ),
    "native-sources": LeaveOut(
        ("*.c", "*.cc", "*.cpp", "*.h", "*.hpp", "*.pyx", "*.pxd", "*.pxi"),
        "C, C++ and Cython, for compilers; there is none in the image",
    ),
    STRIP: LeaveOut(
        (),
        "what only debuggers read of libraries: sections that are never loaded are cut off; every "
        "byte that is loaded stays the same",
    ),
}


def patterns(names: Iterable[str]) -> tuple[str, ...]:
    """The patterns of the rules of these names."""
    return tuple(pattern for name in names for pattern in RULES[name].patterns)
