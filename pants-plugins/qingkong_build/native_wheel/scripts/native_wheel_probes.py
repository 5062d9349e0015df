"""Separates the commands that compile a package from the probes of its build script.

A `setup.py` may compile small files to learn what the compiler and the C library have. These
commands have none of the target's flags, and nothing of what they make is in the wheel.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_SOURCES = frozenset({".c", ".cc", ".cpp", ".cxx", ".c++", ".m", ".s", ".S"})
_MODULES = frozenset({".so", ".pyd"})


class Command(NamedTuple):
    """The arguments of a compiler, and the directory that it ran in."""

    directory: str
    words: list[str]

    def path(self, word: str) -> str:
        """The file that `word` names, by its one path without links."""
        return os.path.realpath(os.path.join(self.directory, word))


def modules_of(wheel: Path) -> frozenset[str]:
    """The file names of the libraries in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = map(os.path.basename, archive.namelist())
        return frozenset(name for name in names if os.path.splitext(name)[1] in _MODULES)


def without_probes(commands: Iterable[Command], modules: frozenset[str]) -> list[Command]:
    """`commands` without those of probes.

    A probe is not linked into any of `modules`, and its files are gone when the build ends. What
    is left lying about counts: it may be in the wheel by a way that is not seen here, such as a
    static library.
    """
    every = list(commands)
    linked = {
        command.path(word)
        for command in every
        if _is_link(command) and os.path.basename(_output(command)) in modules
        for word in command.words
    }
    return [command for command in every if not _is_probe(command, linked)]


def _is_link(command: Command) -> bool:
    return "-shared" in command.words


def _is_probe(command: Command, linked: set[str]) -> bool:
    output = _output(command)
    if output in linked:
        return False
    if _is_link(command):
        return not os.path.exists(output)
    sources = map(command.path, _sources(command))
    return "-c" in command.words and not (
        os.path.exists(output) and any(map(os.path.exists, sources))
    )


def _sources(command: Command) -> list[str]:
    return [word for word in command.words if os.path.splitext(word)[1] in _SOURCES]


def _output(command: Command) -> str:
    """The file that a command writes."""
    return command.path(_output_word(command))


def _output_word(command: Command) -> str:
    for number, word in enumerate(command.words):
        if word == "-o" and number + 1 < len(command.words):
            return command.words[number + 1]
        if word.startswith("-o") and len(word) > 2:
            return word[2:]
    sources = _sources(command)
    if "-c" in command.words and sources:
        return f"{os.path.splitext(os.path.basename(sources[0]))[0]}.o"
    return "a.out"
