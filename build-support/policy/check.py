"""Refuse what must not be in the repository: package hosts and paths of one machine.

A lockfile or a script that names a package index works on one network only; a path of a
machine works on none but that. The names looked for come from the settings of pip, apt and npm
on the machine that checks, so that this file names none either.

    python3 build-support/policy/check.py [DIRECTORY]

Prints one line for each finding and exits 1 if there are any. Needs git; standard library only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# The one place where mirrors may be named: it exists to name them.
MIRROR_FILES = frozenset({"pants.cn.toml"})
_HOST_IN_URL = re.compile(r"https?://(?:[^@/\s\"']*@)?([A-Za-z0-9.-]+)")
# Paths too short or too common to mean this machine.
_COMMON_PATHS = frozenset({"/", "/home", "/usr", "/usr/local", "/tmp", "/opt", "/var"})


class Finding(NamedTuple):
    """A forbidden string in a tracked file."""

    path: str
    line: int
    kind: str
    value: str

    def __str__(self) -> str:
        fix = {
            "package host": "take it from the machine's own settings (docs/mirrors.md)",
            "machine path": "find it the ordinary ways: a variable, PATH, a relative path",
        }[self.kind]
        return f"{self.path}:{self.line}: {self.kind} {self.value!r}; {fix}"


def output_of(*argv: str) -> str:
    """Standard output of a command, or nothing if it is not there or fails."""
    try:
        return subprocess.run(
            argv, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def hosts_in(text: str) -> set[str]:
    """The host names of the addresses in `text`, without those of the machine itself."""
    hosts = {host.lower() for host in _HOST_IN_URL.findall(text)}
    return {host for host in hosts if "." in host and not host.startswith("127.")}


def package_hosts() -> set[str]:
    """The hosts that pip, apt and npm of this machine get packages from."""
    pip_defaults = output_of(
        sys.executable,
        "-c",
        "from pip._internal.models.index import PyPI as p;"
        "print(p.url, 'https://' + p.file_storage_domain)",
    )
    texts = [
        pip_defaults,
        output_of(sys.executable, "-m", "pip", "config", "list"),
        os.environ.get("PIP_INDEX_URL", ""),
        output_of("npm", "config", "get", "registry"),
    ]
    apt = Path("/etc/apt")
    sources = [apt / "sources.list", *sorted(apt.glob("sources.list.d/*"))]
    texts.extend(source.read_text(errors="replace") for source in sources if source.is_file())
    return set().union(*(hosts_in(text) for text in texts))


def machine_paths(root: Path) -> set[str]:
    """Directories that exist under these names on this machine only."""
    candidates = {str(root), str(root.parent), os.path.expanduser("~")}
    candidates.update(
        filter(None, (os.environ.get("PYENV_ROOT"), output_of("pyenv", "root").strip()))
    )
    return {path for path in candidates if path.startswith("/") and path not in _COMMON_PATHS}


def tracked_files(root: Path) -> list[str]:
    """What git has, or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    ).stdout
    return sorted(name.decode() for name in set(listed.split(b"\0")) if name)


def findings(
    root: Path, names: Iterable[str], hosts: Iterable[str], paths: Iterable[str]
) -> Iterator[Finding]:
    """Every forbidden string in the files `names` below `root`."""
    kinds = [
        ("package host", re.compile(rf"(?<![\w.-]){re.escape(h)}(?![\w-])", re.I), h) for h in hosts
    ]
    kinds += [("machine path", re.compile(rf"(?<![\w./-]){re.escape(p)}/"), p) for p in paths]
    for name in names:
        path = root / name
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if b"\0" in content[:8192]:
            continue
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
            for kind, pattern, value in kinds:
                if kind == "package host" and name in MIRROR_FILES:
                    continue
                if pattern.search(line):
                    yield Finding(name, number, kind, value)


def main(argv: list[str]) -> int:
    root = Path(argv[0] if argv else ".").resolve()
    hosts = package_hosts()
    if not hosts:
        print("policy: no package host is known from pip, apt or npm here", file=sys.stderr)
        return 2
    found = list(findings(root, tracked_files(root), sorted(hosts), sorted(machine_paths(root))))
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
