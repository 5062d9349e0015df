"""Lists the Python interpreters of a search path, as JSON.

    list_interpreters.py FOLDER_OR_FILE...

Each is `{"path", "implementation", "version", "fingerprint"}`: the real path of the binary, what
`platform` calls it, its version and the sha256 of the binary.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence

_NAME = re.compile(r"(python|pypy)(\d+(\.\d+)*)?$")
_SECONDS = 30
# For any Python. What starts under one name may be another binary, e.g. in an environment.
_ASK = """
import hashlib, os, platform, sys
path = os.path.realpath(sys.executable)
hasher = hashlib.sha256()
with open(path, "rb") as file:
    for chunk in iter(lambda: file.read(1 << 16), b""):
        hasher.update(chunk)
answer = (path, platform.python_implementation(), platform.python_version(), hasher.hexdigest())
print("\\n".join(answer))
"""


def candidates(search_path: Iterable[str]) -> list[str]:
    """Files that may be interpreters, in the order of the path, each binary once."""
    found: dict[str, str] = {}
    for entry in search_path:
        if os.path.isdir(entry):
            names = sorted(name for name in os.listdir(entry) if _NAME.match(name))
            files = [os.path.join(entry, name) for name in names]
        else:
            files = [entry]
        for file in files:
            if os.path.isfile(file) and os.access(file, os.X_OK):
                found.setdefault(os.path.realpath(file), file)
    return list(found.values())


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
