"""Ending a start at an exact moment: in the middle of what it does to the file system."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from launcher.machines import Machine, Outcome

# What makes, fills, moves or removes a file.
CALLS = ("openat", "write", "mkdir", "rename", "unlink")


@dataclass(frozen=True)
class Moment:
    """The `number`th time that one process makes a `call`."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call}-{self.number}"


@dataclass(frozen=True)
class Killed:
    """What became of a start that was to be killed.

    Attributes:
        victims: the processes that were killed by the moment itself.
        survivors: the outcome of the start, if the rest was left to go on.
    """

    victims: tuple[int, ...]
    survivors: Outcome


def start_and_kill(machine: Machine, moment: Moment, log: Path, *, alone: bool) -> Killed:
    """Start the launcher, and kill the first process that comes to `moment`.

    The rest goes on if it was killed `alone`, as by a system out of memory; else all that the start
    began dies with it, as with the machine.
    """
    command = [
        *("strace", "--follow-forks", "--quiet=all", f"--output={log}"),
        *("-e", f"trace={moment.call}", "-e", "signal=kill"),
        *("-e", f"inject={moment.call}:signal=SIGKILL:when={moment.number}"),
        *(str(machine.root / "pants"), "list"),
    ]
    process = subprocess.Popen(
        command,
        cwd=machine.root,
        env=machine.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    victims: tuple[int, ...] = ()
    while not alone and process.poll() is None and not victims:
        victims = killed_in(log)
    if victims:
        os.killpg(process.pid, signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=240)
    return Killed(victims or killed_in(log), Outcome(process.returncode, stdout, stderr))


def killed_in(log: Path) -> tuple[int, ...]:
    text = log.read_text(errors="replace") if log.exists() else ""
    return tuple(int(number) for number in re.findall(r"^(\d+) +\+\+\+ killed by", text, re.M))
