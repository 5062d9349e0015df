"""When each stage of a command of Pants ran, by the moments at which it said so."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring.commands import CommandError

_STARTING = re.compile(r"\[INFO\] Starting: (.*)$")
_COMPLETED = re.compile(r"\[INFO\] Completed: (.*)$")
# What the launcher does, which it names with its duration at the end.
_TOOK = re.compile(r"^\./pants: (.*?)(?: in /\S*)?(?: \(once\))?: (\d+(?:\.\d+)?) s$")
#: What Pants says of itself: the first and the last word of each, and what to call it.
_OF_PANTS = {
    "waiting for pantsd to start...": ("pantsd to start: done", "start the daemon of Pants"),
    "Initializing scheduler...": ("Scheduler initialized.", "load the plugins and their rules"),
}


#: Seconds since the command began, and what it wrote then.
Line = tuple[float, str]


@dataclass(frozen=True)
class Span:
    """Seconds since the command began."""

    name: str
    start: float
    end: float


def record(words: Sequence[str], folder: Path, variables: Mapping[str, str]) -> list[Line]:
    """Run a command, and note when it wrote each line of its errors; the last one is its end.

    Raises:
        CommandError: it failed.
    """
    began = time.perf_counter()
    lines: list[Line] = []
    with subprocess.Popen(
        words,
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stderr is not None
        lines.extend((time.perf_counter() - began, text.rstrip("\n")) for text in process.stderr)
    if process.returncode:
        last = "\n".join(text for _, text in lines[-30:])
        raise CommandError(f"`{' '.join(words)}` exited {process.returncode}:\n{last}")
    return [*lines, (time.perf_counter() - began, "")]


def spans(lines: Iterable[Line]) -> list[Span]:
    """The stages in the order of their starts; one that was not seen to end is left out."""
    found: list[Span] = []
    begun: dict[str, float] = {}
    for moment, line in lines:
        if match := _TOOK.match(line):
            found.append(Span(match[1], max(0.0, moment - float(match[2])), moment))
        elif match := _STARTING.search(line):
            begun.setdefault(match[1], moment)
        elif (match := _COMPLETED.search(line)) and match[1] in begun:
            found.append(Span(match[1], begun.pop(match[1]), moment))
        else:
            _of_pants(line, moment, begun, found)
    return sorted(found, key=lambda span: (span.start, span.end))


def _of_pants(line: str, moment: float, begun: dict[str, float], found: list[Span]) -> None:
    for first, (last, name) in _OF_PANTS.items():
        if line.endswith(first):
            begun.setdefault(name, moment)
        elif line.endswith(last) and name in begun:
            found.append(Span(name, begun.pop(name), moment))
