"""What the launcher says: one message for each failure, and a line for each slow stage."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class BootstrapError(Exception):
    """What failed, where, with which value, and how to fix it."""

    def __init__(self, what: str, *, where: str, value: str, fix: str) -> None:
        super().__init__(what)
        self.message = f"{what}\n  where: {where}\n  value: {value}\n  fix:   {fix}"


# What a system, a Python program and a shell say of a disk that takes no more.
NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded|Read-only file system")


def unwritable(what: str, *, where: str, value: str, option: str) -> BootstrapError:
    """Nothing more can be written; `option` names another place."""
    return BootstrapError(
        what,
        where=where,
        value=value,
        fix=f"free disk space, or name a directory on another disk: {option}",
    )


def say(text: str) -> None:
    print(f"./pants: {text}", file=sys.stderr, flush=True)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name a stage when it starts, and its duration when it is done."""
    say(name)
    start = time.monotonic()
    yield
    say(f"{name}: {time.monotonic() - start:.1f} s")
