"""Applies unified diffs to a source tree as they are written, or not at all. Standard library only.

`patch` and `git apply` look for a hunk's place, and `patch` accepts one whose context is only
nearly right. Here every line of a hunk has to be where the hunk says: the sources are pinned by
hash, so a patch that almost fits was made for others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NO_FILE = "/dev/null"
# What git writes for changes that a unified diff cannot express.
_UNSUPPORTED = (
    b"GIT binary patch",
    b"Binary files ",
    b"copy from ",
    b"new mode ",
    b"rename from ",
)


class PatchError(Exception):
    """What does not fit, and in which hunk."""


@dataclass
class Hunk:
    """`old` is replaced by `new`, from line `start` (counted from 1) of the old file."""

    number: int
    start: int
    header: str
    old: list[bytes] = field(default_factory=list)
    new: list[bytes] = field(default_factory=list)


@dataclass
class FileDiff:
    """The hunks of one file; no `old` creates it, no `new` deletes it."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The file's path in the tree."""
        return self.new or self.old or ""


def parse(patch: bytes) -> list[FileDiff]:
    """The changes in a unified diff; lines between them (a mail, git's headers) are skipped."""
    lines = _lines(patch)
    diffs: list[FileDiff] = []
    position = 0
    count = 0
    while position < len(lines):
        line = lines[position]
        if line.startswith(_UNSUPPORTED):
            raise PatchError(
                f"line {position + 1}, {_text(line)!r}, is none of a unified diff: only the text "
                "of files can be changed, created and deleted"
            )
        following = lines[position + 1] if position + 1 < len(lines) else b""
        if line.startswith(b"--- ") and following.startswith(b"+++ "):
            diffs.append(FileDiff(_path(line), _path(following)))
            if not diffs[-1].path:
                raise PatchError(f"line {position + 1} names no file")
            position += 2
        elif line.startswith(b"@@ "):
            if not diffs:
                raise PatchError(f"line {position + 1}, {_text(line)!r}, comes before any file")
            count += 1
            hunk, position = _hunk(lines, position, count)
            diffs[-1].hunks.append(hunk)
        else:
            position += 1
    if not count:
        raise PatchError("it holds no hunk of a unified diff")
    return diffs


def _lines(content: bytes) -> list[bytes]:
    """Lines with their ends. Only `\\n` ends one, as in `diff`; `bytes` has more of them."""
    return re.findall(rb"[^\n]*\n|[^\n]+", content)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r\n")


def _path(header: bytes) -> str | None:
    """The path in a `---` or `+++` line, without its first directory (`a/`, `b/`)."""
    name = _text(header)[4:].split("\t")[0].rstrip()
    if name == _NO_FILE:
        return None
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or len(parts) < 2:
        raise PatchError(
            f"it names {name!r}: paths have the form `a/setup.py`, inside the source distribution"
        )
    return str(PurePosixPath(*parts[1:]))


def _hunk(lines: list[bytes], position: int, number: int) -> tuple[Hunk, int]:
    header = lines[position]
    match = _HUNK.match(header)
    if match is None:
        raise PatchError(f"hunk {number} has a malformed header {_text(header)!r}")
    start, old_count, _, new_count = (
        1 if group is None else int(group) for group in match.groups()
    )
    hunk = Hunk(number, start, _text(match.group()))
    position += 1
    last: list[list[bytes]] = []
    while position < len(lines):
        line = lines[position]
        if line.startswith(b"\\"):
            # "No newline at end of file": of the line before.
            for side in last:
                side[-1] = side[-1].removesuffix(b"\n")
            position += 1
            continue
        if len(hunk.old) == old_count and len(hunk.new) == new_count:
            break
        # Editors strip the blank of an empty context line.
        kind, content = (b" ", line) if line in {b"\n", b"\r\n"} else (line[:1], line[1:])
        sides = {b" ": [hunk.old, hunk.new], b"-": [hunk.old], b"+": [hunk.new]}.get(kind)
        if sides is None:
            break
        for side in sides:
            side.append(content)
        last = sides
        position += 1
    if len(hunk.old) != old_count or len(hunk.new) != new_count:
        raise PatchError(
            f"hunk {number}, `{hunk.header}`, announces {old_count} old and {new_count} new "
            f"lines, but has {len(hunk.old)} and {len(hunk.new)}"
        )
    return hunk, position


def apply(patch: bytes, source: Path) -> list[str]:
    """Change the tree `source`; return the paths that were changed. All of it, or nothing."""
    root = source.resolve()
    results: dict[str, bytes | None] = {}
    for diff in parse(patch):
        if not (root / diff.path).resolve().is_relative_to(root):
            raise PatchError(f"{diff.path!r} leads outside the source distribution")
        old = results[diff.path] if diff.path in results else _read(root / diff.path)
        results[diff.path] = _change(diff, old)
    for path, content in results.items():
        if content is None:
            (root / path).unlink()
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
    return list(results)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _change(diff: FileDiff, old: bytes | None) -> bytes | None:
    number = diff.hunks[0].number if diff.hunks else 1
    if diff.old is not None and diff.new is not None and diff.old != diff.new:
        raise PatchError(f"hunk {number} renames {diff.old!r} to {diff.new!r}: delete and create")
    if diff.old is None and old is not None:
        raise PatchError(f"hunk {number} creates {diff.path!r}, which exists")
    if diff.old is not None and old is None:
        raise PatchError(f"hunk {number} changes {diff.path!r}, which does not exist")
    lines = _lines(old or b"")
    result: list[bytes] = []
    position = 0
    for hunk in diff.hunks:
        # Of a hunk without old lines, `start` is the line after which it adds.
        place = hunk.start - 1 if hunk.old else hunk.start
        if place < position:
            raise PatchError(f"hunk {hunk.number}, `{hunk.header}`, overlaps the one before it")
        for offset, expected in enumerate(hunk.old):
            actual = lines[place + offset] if place + offset < len(lines) else None
            if actual != expected:
                found = "the file ends" if actual is None else f"{_text(actual)!r} is there"
                raise PatchError(
                    f"hunk {hunk.number}, `{hunk.header}`, does not apply to {diff.path!r}: line "
                    f"{place + offset + 1} should be {_text(expected)!r}, but {found}"
                )
        if place > len(lines):
            raise PatchError(
                f"hunk {hunk.number}, `{hunk.header}`, does not apply to {diff.path!r}, which has "
                f"{len(lines)} lines"
            )
        result += [*lines[position:place], *hunk.new]
        position = place + len(hunk.old)
    result += lines[position:]
    if diff.new is None:
        if result:
            raise PatchError(
                f"hunk {number} deletes {diff.path!r}, but leaves {len(result)} lines of it"
            )
        return None
    return b"".join(result)
