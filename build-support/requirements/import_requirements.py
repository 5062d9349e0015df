"""Move a project's old `requirements.txt`, with its `# Dev` marker, to the two files of the split.

    ./pants run build-support/requirements:import-requirements -- requirements.txt

Prints what changes as a diff. Files that are there and differ are replaced with --overwrite only;
both are written, or none. Exits 1 with one line for each thing that is wrong.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from requirements.split import ImportFailed, Split, split

PRODUCTION = "3rdparty/prod/requirements.txt"
DEVELOPMENT = "3rdparty/dev/requirements.txt"


def read(path: Path) -> str:
    """The text of a file. ImportFailed if there is none, or if it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ImportFailed(f"{path}: {error.strerror}. Name the requirements file") from None
    except UnicodeDecodeError as error:
        raise ImportFailed(
            f"{path}: byte {error.start} is {error.object[error.start]:#04x}, which is not UTF-8. "
            "Save the file as UTF-8"
        ) from None


def difference(path: Path, new: str) -> Iterator[str]:
    """The lines of a unified diff; none if nothing changes."""
    old = read(path) if path.exists() else ""
    yield from difflib.unified_diff(
        old.splitlines(),
        new.splitlines(),
        fromfile=str(path) if path.exists() else "/dev/null",
        tofile=str(path),
        lineterm="",
    )


def write_both(files: dict[Path, str]) -> None:
    """Write all of the files or none.

    Everything that can fail beforehand does: the new files lie complete beside the old ones before
    the first takes its place. If another then cannot, the first gets its old content back.
    Raises ImportFailed.
    """
    before = {path: path.read_bytes() if path.is_file() else None for path in files}
    partial = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in files}
    written: list[Path] = []
    replaced: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(partial[path], "w", encoding="utf-8", newline="\n") as file:
                written.append(partial[path])
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for path in files:
            os.replace(partial[path], path)
            replaced.append(path)
    except OSError as error:
        for path in replaced:
            _restore(path, before[path])
        place = error.filename2 or error.filename or "a file"
        raise ImportFailed(
            f"{place}: {error.strerror}. Nothing was changed; make it writable and run this again"
        ) from error
    finally:
        for path in written:
            path.unlink(missing_ok=True)


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


def run(source: Path, production: Path, development: Path, *, overwrite: bool) -> Iterator[str]:
    """Import `source`, and yield what to print. Raises ImportFailed; nothing is written then."""
    if production.resolve() == development.resolve():
        raise ImportFailed(f"{production} is given for both files: name two")
    made: Split = split(read(source), str(source))
    files = {production: made.production.text, development: made.development.text}
    changed = []
    for path, text in files.items():
        lines = list(difference(path, text))
        yield from lines
        if lines or not path.exists():
            changed.append(path)
    standing = [str(path) for path in changed if path.exists()]
    if standing and not overwrite:
        raise ImportFailed(
            f"{' and '.join(standing)} would change as shown, and nothing was written. Run this "
            "again with --overwrite to replace what is there"
        )
    if changed:
        write_both(files)
    yield (
        f"Production ends at line {made.marker_line} of {source}. "
        f"Projects: {len(made.production.projects)} in {production}, "
        f"{len(made.development.projects)} in {development}."
    )
    if made.hashes:
        yield f"{made.hashes} hashes were left out: the lockfile has one for every file."
    yield "Next: ./pants generate-lockfiles --resolve=prod --resolve=dev"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="import-requirements",
        description="Split a requirements.txt with a '# Dev' marker into what ships and the tools.",
    )
    parser.add_argument("source", type=Path, metavar="requirements.txt")
    parser.add_argument("--prod", type=Path, default=Path(PRODUCTION), help="what ships")
    parser.add_argument("--dev", type=Path, default=Path(DEVELOPMENT), help="tools and tests")
    parser.add_argument("--overwrite", action="store_true", help="replace files that differ")
    args = parser.parse_args(argv)
    try:
        for line in run(args.source, args.prod, args.dev, overwrite=args.overwrite):
            print(line)
    except ImportFailed as error:
        sys.stdout.flush()
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
