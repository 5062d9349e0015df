"""Splits a `requirements.txt` of the old kind, with a line `# Dev` in it, into two.

What came before the first line that begins with `# Dev` went into the image:
`awk '/^# Dev/ {exit} {print}'`. Requirements stay as they are written, and in their order, with
their comments, extras and markers. What a lockfile cannot carry is an error with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

# As the old script had it: `# Development` is one too, and `# dev` is none.
_MARKER = re.compile(r"# Dev")
# What somebody wrote who meant it, and what the old script passed over.
_LOOKS_LIKE_MARKER = re.compile(
    r"\s*#+\s*dev(elop(ment|er))?(\s+(requirements|dependencies))?\s*:?\s*", re.IGNORECASE
)
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_HASH = re.compile(r"\s--hash(?:=|\s+)\S+")
_ADDRESS = re.compile(r"\w[\w+.-]*://|\.{0,2}/|.*\.(whl|zip|tar\.\w+)$")

# The driver is built here, and what is in no lockfile cannot win over it.
_BUILT_HERE = {"asyncmy": "3rdparty/asyncmy"}

_INDEX = (
    "addresses of indexes come from the settings of pip on each machine (docs/mirrors.md), and "
    "are in no file of the repository: remove the line"
)
_ELSEWHERE = "put the lines of that file in the place of this one"
_CONSTRAINTS = (
    "move the file to [python.resolves_to_constraints_file] in pants.toml, and remove the line"
)
_BINARY = (
    "say it in [python.resolves_to_only_binary] or [python.resolves_to_no_binary] in pants.toml, "
    "and remove the line"
)
_LOCAL = (
    "a lockfile has releases of the index only: name the release, as in 'name>=1.0', or make it a "
    "target (`python_sources` for code, `native_wheel` for what is built)"
)
_OPTIONS = {
    "-r": _ELSEWHERE,
    "--requirement": _ELSEWHERE,
    "-c": _CONSTRAINTS,
    "--constraint": _CONSTRAINTS,
    "-e": _LOCAL,
    "--editable": _LOCAL,
    "-i": _INDEX,
    "--index-url": _INDEX,
    "--extra-index-url": _INDEX,
    "-f": _INDEX,
    "--find-links": _INDEX,
    "--no-index": _INDEX,
    "--trusted-host": _INDEX,
    "--only-binary": _BINARY,
    "--no-binary": _BINARY,
    "--prefer-binary": _BINARY,
    "--pre": "name a pre-release where one is wanted, as in 'name>=1.0rc1', and remove the line",
}
_UNKNOWN_OPTION = "this option of pip is not known here: remove it, or say it in pants.toml"
# Holds for every lockfile: it says nothing that is lost.
_NEEDLESS = "--require-hashes"


class ImportFailed(Exception):
    """Everything that is wrong with the file, one line each, with the place and the fix."""


@dataclass(frozen=True)
class Part:
    """The lines of one of the two files, and the requirements in them by normalised name."""

    text: str
    projects: dict[str, int]


@dataclass(frozen=True)
class Split:
    """The two files.

    Attributes:
        production: what was before the marker.
        development: what was after it.
        marker_line: its number, from 1.
        hashes: how many `--hash` were left out: the lockfile has its own.
    """

    production: Part
    development: Part
    marker_line: int
    hashes: int


@dataclass(frozen=True)
class _Line:
    """One logical line: those that end in a backslash go on in the next."""

    number: int
    text: str


def _logical_lines(lines: list[str], first_number: int) -> Iterator[_Line]:
    """Join continued lines as pip does: a comment does not go on."""
    joined: list[str] = []
    start = first_number
    for number, line in enumerate(lines, first_number):
        if not joined:
            start = number
        continued = line.endswith("\\") and not line.lstrip().startswith("#")
        joined.append((line[:-1] if continued else line).strip())
        if not continued:
            yield _Line(start, " ".join(joined).strip())
            joined = []
    if joined:
        yield _Line(start, " ".join(joined).strip())


def split(text: str, name: str) -> Split:
    """Split the text of the file `name`.

    Raises ImportFailed, whose text has one line for each thing that is wrong.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    errors: list[str] = []
    markers = [number for number, line in enumerate(lines) if _MARKER.match(line)]
    first = markers[0] if markers else len(lines)
    for number, line in enumerate(lines[:first], 1):
        if _LOOKS_LIKE_MARKER.fullmatch(line):
            errors.append(
                f"{name}:{number}: {line!r} looks like the marker, but only a line that begins "
                "with '# Dev' is one. Write '# Dev', or reword the comment"
            )
    if not markers and not errors:
        errors.append(
            f"{name}: no line begins with '# Dev', so that tools would go into the image. Add that "
            "line before the first requirement of development, or at the end if there are none"
        )
    hashes = 0
    parts = []
    for chosen, start in ((lines[:first], 1), (lines[first + 1 :], first + 2)):
        part, found = _part(_logical_lines(chosen, start), name, errors)
        parts.append(part)
        hashes += found
    production, development = parts
    for project, number in development.projects.items():
        if project in production.projects:
            errors.append(
                f"{name}:{number}: {project} is already in line {production.projects[project]}, "
                "before the marker: development has what production has. Remove one of the two"
            )
    if errors:
        raise ImportFailed("\n".join(errors))
    return Split(production, development, first + 1, hashes)


def _part(lines: Iterator[_Line], name: str, errors: list[str]) -> tuple[Part, int]:
    """One of the two files, and how many hashes were left out of it."""
    kept: list[str] = []
    projects: dict[str, int] = {}
    seen: dict[tuple[str, str], int] = {}
    hashes = 0
    for line in lines:
        body = _COMMENT.sub("", line.text)
        comment = line.text[len(body) :].strip()
        without = _HASH.sub("", body).strip()
        hashes += len(_HASH.findall(body))
        if not without:
            kept.append(comment)
            continue
        if without == _NEEDLESS:
            continue
        problem = _problem(without)
        if problem:
            errors.append(f"{name}:{line.number}: {without!r}: {problem}")
            continue
        requirement = Requirement(without)
        project = canonicalize_name(requirement.name)
        key = (project, str(requirement.marker or ""))
        if key in seen:
            errors.append(
                f"{name}:{line.number}: {without!r}: {project} is already in line {seen[key]}. "
                "Make one requirement of the two"
            )
        seen[key] = line.number
        projects.setdefault(project, line.number)
        kept.append(f"{without}  {comment}".rstrip())
    return Part(_tidy(kept), projects), hashes


def _problem(line: str) -> str:
    """What a lockfile cannot carry of it, and the fix; "" if nothing."""
    if line.startswith("-"):
        option = re.split(r"[=\s]", line, maxsplit=1)[0]
        # `-rfile` and `-ehere` are written without a space too.
        short = "" if line.startswith("--") else line[:2]
        return _OPTIONS.get(option) or _OPTIONS.get(short) or _UNKNOWN_OPTION
    if " --" in line:
        return (
            "options of one requirement are not kept: remove them, or make a `native_wheel` of it"
        )
    if _ADDRESS.match(line):
        return _LOCAL
    try:
        return _problem_of(Requirement(line))
    except InvalidRequirement as error:
        return f"this is no requirement ({str(error).splitlines()[0]}). Write it as 'name>=1.0'"


def _problem_of(requirement: Requirement) -> str:
    if requirement.url:
        return _LOCAL
    for project, place in _BUILT_HERE.items():
        if canonicalize_name(requirement.name) == project:
            return f"it is built here, by {place}, and in no lockfile: remove the line"
        if project in {canonicalize_name(extra) for extra in requirement.extras}:
            return f"the extra brings {project}, which {place} builds here: remove the extra"
    return ""


def _tidy(lines: list[str]) -> str:
    """Without blank lines at either end; a file that is not empty ends with one newline."""
    text = "\n".join(lines).strip("\n")
    return f"{text}\n" if text else ""
