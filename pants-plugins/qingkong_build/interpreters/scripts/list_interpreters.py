"""Lists the Python interpreters of a search path, as JSON.

    list_interpreters.py FOLDER_OR_FILE...

Each is `{"path", "implementation", "version", "fingerprint"}`: the real path of the binary, what
`platform` calls it, its version as three numbers and the sha256 of the binary.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence

# A letter is that of a build, as `t` of a free-threaded one. macOS has a `Python`.
_NAME = re.compile(r"(python|pypy)(\d+(\.\d+)*[a-z]?)?$|Python$")
_SECONDS = 30
# For any Python. What starts under one name may be another binary, e.g. in an environment.
_ASK = """
import hashlib, os, platform, sys
path = os.path.realpath(sys.executable)
hasher = hashlib.sha256()
with open(path, "rb") as file:
    for chunk in iter(lambda: file.read(1 << 16), b""):
        hasher.update(chunk)
version = "%d.%d.%d" % sys.version_info[:3]
answer = (path, platform.python_implementation(), version, hasher.hexdigest())
print("\\n".join(answer))
"""


def candidates(search_path: Iterable[str]) -> list[str]:
    """Files that may be interpreters, in the order of the path, each binary once."""
    by_binary: dict[str, str] = {}
    for entry in search_path:
        for file in _files(entry):
            if os.path.isfile(file) and os.access(file, os.X_OK):
                by_binary.setdefault(os.path.realpath(file), file)
    return list(by_binary.values())


def _files(entry: str) -> list[str]:
    """What a directory of the path has; nothing where it cannot be read."""
    if not os.path.isdir(entry):
        return [entry]
    try:
        names = os.listdir(entry)
    except OSError:
        return []
    return [os.path.join(entry, name) for name in sorted(names) if _NAME.match(name)]


def interpreters(search_path: Iterable[str]) -> list[dict[str, str]]:
    """Those that answer; others, such as shims of a version that is not installed, are left out."""
    running = []
    for file in candidates(search_path):
        try:
            process = subprocess.Popen(
                [file, "-sE", "-c", _ASK],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            continue
        running.append(process)
    answers: dict[str, dict[str, str]] = {}
    for process in running:
        try:
            output, _ = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            continue
        lines = os.fsdecode(output).splitlines()
        if process.returncode == 0 and len(lines) == 4:
            keys = ("path", "implementation", "version", "fingerprint")
            answers.setdefault(lines[0], dict(zip(keys, lines)))
    return list(answers.values())


def main(arguments: Sequence[str]) -> None:
    json.dump(interpreters(arguments), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
