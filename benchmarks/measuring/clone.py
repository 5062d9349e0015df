"""A clone of the repository with its own Pants daemon."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from measuring.commands import CommandError, Done, environment, run

_COUNTER = re.compile(r"^\s+local_execution_requests: (\d+)$", re.MULTILINE)
_STARTED = re.compile(r"\[INFO\] Starting: (.*)$", re.MULTILINE)
_SECONDS = 30.0
# What commands leave at the top of a repository, and what a sandbox of Pants has beside it.
_NOT_COPIED = (
    *(".git", "dist", ".pants.d", ".pids", ".cache"),
    *(".pytest_cache", ".python-build-standalone", "*.pex", "extra-output"),
)
_BASE = Path(".cache", "base-image")


@dataclass(frozen=True)
class Clone:
    """`variables` are the environment of its commands, `options` go before the goal."""

    root: Path
    variables: dict[str, str]
    options: list[str] = field(default_factory=list)

    def pants(self, *arguments: str) -> Done:
        """Run a command of Pants.

        Raises:
            CommandError: it failed.
        """
        words = ["./pants", "--no-dynamic-ui", "--stats-log", *self.options, *arguments]
        return run(words, self.root, self.variables)

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace one text in a file.

        Raises:
            CommandError: it is not there exactly once.
        """
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise CommandError(f"{file} has {text.count(old)} times {old!r}, not once")
        file.write_text(text.replace(old, new), encoding="utf-8")

    def stop(self) -> None:
        """End its daemon, and wait for that."""
        for file in (self.root / ".pids").glob("*/pantsd/pid"):
            process = int(file.read_text(encoding="utf-8"))
            deadline = time.monotonic() + _SECONDS
            try:
                os.kill(process, signal.SIGTERM)
                while time.monotonic() < deadline:
                    os.kill(process, 0)
                    time.sleep(0.1)
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue


def processes(done: Done) -> int:
    """How many processes a command of Pants ran rather than remembered."""
    found = _COUNTER.search(done.errors)
    return int(found[1]) if found else 0


def started(done: Done) -> list[str]:
    """What those processes were for, in the order of their starts."""
    return _STARTED.findall(done.errors)


def _ignored(root: Path, folder: str, names: list[str]) -> set[str]:
    """Which of the names in a folder are no part of the repository."""
    top = shutil.ignore_patterns(*_NOT_COPIED)(folder, names) if Path(folder) == root else set()
    return top | {name for name in names if name == "__pycache__"}


def clone(root: Path, target: Path, variables: Mapping[str, str | None] | None = None) -> Clone:
    """Clone a repository as it was committed.

    Args:
        root: of the repository.
        target: the new directory.
        variables: of the environment of its commands, where they are others; None removes one.
    """
    if (root / ".git").exists():
        run(["git", "clone", "--quiet", root, target], root)
    else:
        # Without its history it is copied.
        shutil.copytree(root, target, ignore=partial(_ignored, root))
    if (root / _BASE).exists():
        (target / _BASE).parent.mkdir(exist_ok=True)
        shutil.copy2(root / _BASE, target / _BASE)
    return Clone(target, environment(**(variables or {})))
