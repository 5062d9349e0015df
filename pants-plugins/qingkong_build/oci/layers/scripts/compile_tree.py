"""Compile the Python files of a tree to bytecode that no clock is in. Standard library only.

    compile_tree.py SPECIFICATION OUTPUT

For each `a/b.py` of the tree, `a/__pycache__/b.cpython-312.pyc` is written below OUTPUT: an
unchecked-hash file (PEP 552), which the interpreter takes without a look at its source. What the
patterns exclude, or is no valid Python, has none. The bytes depend on the source, its path in the
image and the version of Python alone. Exits 1 with one message on any error.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import marshal
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from typing import Any

# PEP 552: based on a hash, and not to be checked.
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


class CompileError(Exception):
    """What went wrong, where, with which value, and the fix."""


def bytecode(source: bytes, path: str) -> bytes:
    """The content of the `.pyc` of a source that the image has at `path`.

    Raises:
        SyntaxError, ValueError: it is no valid Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = SourceFileLoader("", path).source_to_code(source, path)
    # Plainly written, it tells of what else the process knows. Equal constants are one object or
    # two by what was interned before: format 2 has no objects that come again, and in what is read
    # from it there is one of each name, and each constant stands alone.
    code = marshal.loads(marshal.dumps(code, 2))
    # Strings of one character are there once for the process, interned or not, as it is written:
    # here they always are.
    for character in map(chr, range(256)):
        sys.intern(character)
    written = marshal.dumps(code)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + written


def sources(tree: str, exclude: Iterable[str]) -> Iterator[str]:
    """The Python files of a tree, sorted, relative to it."""
    patterns = tuple(exclude)
    for directory, names, files in os.walk(tree):
        names.sort()
        for name in sorted(files):
            relative = os.path.normpath(os.path.join(os.path.relpath(directory, tree), name))
            # As the packing of the layer leaves out: a directory, or the file itself.
            steps = relative.split(os.sep)
            above = (os.sep.join(steps[: count + 1]) for count in range(len(steps)))
            if name.endswith(".py") and not any(
                fnmatch.fnmatchcase(each, pattern) for each in above for pattern in patterns
            ):
                yield relative


def compile_tree(spec: dict[str, Any], output: str) -> None:
    """Write the bytecode of what `spec` describes below `output`. Raises `CompileError`."""
    here = list(sys.version_info[:2])
    if here != spec["python"]:
        raise CompileError(
            f"the bytecode of target {spec['target']} is for Python "
            f"{'.'.join(map(str, spec['python']))}, but this is {'.'.join(map(str, here))}. "
            "Correct the interpreter constraints."
        )
    os.makedirs(output, exist_ok=True)
    for relative in sources(spec["tree"], spec["exclude"]):
        with open(os.path.join(spec["tree"], relative), "rb") as file:
            source = file.read()
        try:
            content = bytecode(source, f"/{spec['path']}/{relative}")
        except (SyntaxError, ValueError):
            # Packages have files that are templates, or for another Python: nothing imports them.
            continue
        target = os.path.join(output, importlib.util.cache_from_source(relative))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)


def main(argv: list[str]) -> int:
    spec_file, output = argv
    with open(spec_file, encoding="utf-8") as file:
        spec = json.load(file)
    try:
        compile_tree(spec, output)
    except CompileError as error:
        print(f"qingkong_build.oci.layers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
