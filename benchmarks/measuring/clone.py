"""A clone of the repository with its own Pants daemon."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from measuring.commands import CommandError, Done, environment, run

_COUNTER = re.compile(r"^\s+local_execution_requests: (\d+)$", re.MULTILINE)
_STARTED = re.compile(r"\[INFO\] Starting: (.*)$", re.MULTILINE)
_SECONDS = 30.0
# What the build is made of; a repository without its history is copied rather than cloned.
_PARTS = (
    ".ci",
    ".github",
    "3rdparty",
    "benchmarks",
    "build-support",
    "deploy",
    "pants-plugins",
    "src",
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
        target.mkdir(parents=True)
        for part in _PARTS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(root / part, target / part, ignore=ignored)
        for file in root.iterdir():
            if file.is_file():
                shutil.copy2(file, target / file.name)
    if (root / _BASE).exists():
        (target / _BASE).parent.mkdir(exist_ok=True)
        shutil.copy2(root / _BASE, target / _BASE)
    return Clone(target, environment(**(variables or {})))
