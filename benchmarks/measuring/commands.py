"""Running the programs that are measured, in an environment that is the same for all."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Longer than the slowest cold build on a slow network.
_SECONDS = 3600.0
_LINES = 30
# What the Pants that runs this program was told; the ones that are measured find out themselves.
_OF_THE_OUTER_PANTS = re.compile(r"_?PANTS_(?!PYTHON\d)|PEX_|CHROOT$|VIRTUAL_ENV$|PYTHON")


class CommandError(RuntimeError):
    """A command failed; the text has it, and the last lines it wrote."""


@dataclass(frozen=True)
class Done:
    """A command that succeeded: when it began, in seconds of the epoch, what it took and wrote."""

    began: float
    seconds: float
    output: str
    errors: str


def environment(**changes: str | None) -> dict[str, str]:
    """That of this process without what another Pants put into it; None removes a variable."""
    kept = {
        name: value for name, value in os.environ.items() if not _OF_THE_OUTER_PANTS.match(name)
    }
    kept.update({name: value for name, value in changes.items() if value is not None})
    return {name: value for name, value in kept.items() if changes.get(name, "") is not None}


def run(
    arguments: Sequence[str | Path], folder: Path, variables: Mapping[str, str] | None = None
) -> Done:
    """Run a command to its end.

    Raises:
        CommandError: it failed, or could not be started.
    """
    words = [str(each) for each in arguments]
    since, began = time.time(), time.perf_counter()
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=dict(environment() if variables is None else variables),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"`{' '.join(words)}` in {folder}: {error}") from error
    seconds = time.perf_counter() - began
    if done.returncode:
        written = (done.stdout + done.stderr).strip().splitlines()
        # The counters of Pants that are zero hide what it said.
        last = "\n".join([line for line in written if not line.endswith(": 0")][-_LINES:])
        raise CommandError(f"`{' '.join(words)}` in {folder} exited {done.returncode}:\n{last}")
    return Done(since, seconds, done.stdout, done.stderr)
