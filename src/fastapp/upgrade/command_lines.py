"""Commands and options of the earlier framework, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fastapp.upgrade.names import NOT_YET

#: Commands that are called something else, or do not exist.
COMMANDS: Final[dict[str, str]] = {
    "auto-migrate": "makemigrations, then migrate",
    "createsuperuser": NOT_YET.format(part="users and permissions"),
    "dumpdata": NOT_YET.format(part="fixtures"),
    "fix-sequence": "leave it out",
    "loaddata": NOT_YET.format(part="fixtures"),
    "reverse-generation": NOT_YET.format(part="inspectdb"),
    "run-tests": "test, which is pytest",
    "stubgen": "leave it out: models have types",
}

#: Options that do not exist, by command.
OPTIONS: Final[dict[str, dict[str, str]]] = {
    "gateway": {
        "--add-slashes": "leave it out: a path reaches the service as the client wrote it; declare "
        "routes with the slash that clients send",
        "--fastapi-redirect": "leave it out: every Location of a service is rewritten",
        "--redirect": "leave it out: every Location of a service is rewritten",
        "--redirect-cache": "leave it out: no redirect is cached",
        "--debug": "set QK_LOG_LEVEL=DEBUG",
    },
    "migrate": {
        "--apps": "name the apps: migrate APP",
        "--guided": "leave it out: migrate never asks; what loses data needs --yes",
        "--models": "leave it out: migrations are applied whole",
        "--safe": "leave it out: what loses data needs --yes",
    },
    "serve-static": {
        "--root": "the folder is an argument: serve-static FOLDER",
        "--api-prefix": "--api PREFIX=URL",
        "--api-target": "--api PREFIX=URL",
        "--workers": "leave it out",
    },
}

#: A word of a command line, in a shell script or in a JSON list.
_WORD: Final = re.compile(r"""[^\s"'\[\],]+""")
_ENDS: Final = frozenset({";", "&&", "||", "|", "&", "#"})


def command_name(name: str) -> str:
    """The name of a command with ``-``, however it is written."""
    return name.replace("_", "-")


def old_words(command: str, words: list[str]) -> Iterator[tuple[str, str]]:
    """What is old in a command line, and what to write instead.

    Args:
        command: name of the command.
        words: what follows it.
    """
    if command in COMMANDS:
        yield command, COMMANDS[command]
    known = OPTIONS.get(command, {})
    for word in words:
        option = word.partition("=")[0]
        if option in known:
            yield option, known[option]
    if command == "runserver":
        yield from _runserver(words)


def _runserver(words: list[str]) -> Iterator[tuple[str, str]]:
    if words and words[0] == "all":
        yield "runserver all", "runserver, which serves all apps"
    for index, word in enumerate(words[:-2]):
        following = words[index + 1 : index + 3]
        if word == "--exclude" and not any(item.startswith("-") for item in following):
            first, second = following
            yield (
                f"--exclude {first} {second}",
                f"--exclude {first} --exclude {second}; as it is, {second} would be served alone",
            )


def command_lines(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """The command lines of ``manage.py`` in a script: line number, command, further words."""
    number = 1
    lines = text.splitlines()
    while number <= len(lines):
        start, line = number, lines[number - 1]
        while line.endswith("\\") and number < len(lines):
            line = f"{line[:-1]} {lines[number]}"
            number += 1
        number += 1
        words = _WORD.findall(line)
        for index, word in enumerate(words[:-1]):
            if word.rpartition("/")[2] != "manage.py" or words[index + 1].startswith("-"):
                continue
            rest: list[str] = []
            for item in words[index + 2 :]:
                if item in _ENDS:
                    break
                rest.append(item)
            yield start, command_name(words[index + 1]), rest
