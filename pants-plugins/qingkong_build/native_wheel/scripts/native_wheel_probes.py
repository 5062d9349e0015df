"""Tells the commands that compile a package from those by which its build script asks questions.

A `setup.py` may compile small files to learn what the compiler and the C library have. These
commands have none of the target's flags, and nothing of what they make is in the wheel.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

_SOURCES = frozenset({".c", ".cc", ".cpp", ".cxx", ".c++", ".m", ".s", ".S"})
_MODULES = frozenset({".so", ".pyd"})


def modules_of(wheel: Path) -> frozenset[str]:
    """The file names of the libraries in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = map(os.path.basename, archive.namelist())
        return frozenset(name for name in names if os.path.splitext(name)[1] in _MODULES)


def without_probes(commands: Iterable[list[str]], modules: frozenset[str]) -> list[list[str]]:
    """`commands` without those of probes, in the directory that they ran in.

    A probe is not linked into any of `modules`, and its files are gone when the build ends. What
    is left lying about counts: it may be in the wheel by a way that is not seen here, such as a
    static library.
    """
    every = list(commands)
    linked = {
        os.path.normpath(word)
        for command in every
        if _is_link(command) and os.path.basename(_output(command)) in modules
        for word in command
    }
    return [command for command in every if not _is_probe(command, linked)]


def _is_link(command: list[str]) -> bool:
    return "-shared" in command


def _is_probe(command: list[str], linked: set[str]) -> bool:
    output = _output(command)
    if os.path.normpath(output) in linked:
        return False
    if _is_link(command):
        return not os.path.exists(output)
    sources = [word for word in command if os.path.splitext(word)[1] in _SOURCES]
    return "-c" in command and not (os.path.exists(output) and any(map(os.path.exists, sources)))


def _output(command: list[str]) -> str:
    """The file that a command writes."""
    for number, word in enumerate(command):
        if word == "-o" and number + 1 < len(command):
            return command[number + 1]
        if word.startswith("-o") and len(word) > 2:
            return word[2:]
    sources = [word for word in command if os.path.splitext(word)[1] in _SOURCES]
    if "-c" in command and sources:
        return f"{os.path.splitext(os.path.basename(sources[0]))[0]}.o"
    return "a.out"
