"""What the launcher says: one message for each failure, and a line for each slow stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class BootstrapError(Exception):
    """What failed, where, with which value, and how to fix it."""

    def __init__(self, what: str, *, where: str, value: str, fix: str) -> None:
        super().__init__(what)
        self.message = f"{what}\n  where: {where}\n  value: {value}\n  fix:   {fix}"


def say(text: str) -> None:
    print(f"./pants: {text}", file=sys.stderr, flush=True)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name a stage when it starts, and its duration when it is done."""
    say(name)
    start = time.monotonic()
    yield
    say(f"{name}: {time.monotonic() - start:.1f} s")
