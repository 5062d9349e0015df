"""The one requirement that changes: other releases of a small package that many need."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring.commands import CommandError, run

PROJECT = "idna"
# One for each round: Pants remembers what it made of a release before.
RELEASES = ("3.19", "3.18", "3.17", "3.16", "3.15", "3.14", "3.13", "3.12", "3.11", "3.10")
_LOCK = Path("3rdparty", "prod.lock")


@dataclass(frozen=True)
class Release:
    """A release, with its wheel's name, sha256, and path on any mirror of the index."""

    version: str
    sha256: str
    path: str
    project: str = PROJECT


def fetch(python: Path, version: str, folder: Path) -> Release:
    """Get a release's wheel from the index of this machine, and what a lockfile says of it."""
    folder.mkdir(parents=True, exist_ok=True)
    run(
        [
            *(python, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
            *("--dest", folder, f"{PROJECT}=={version}"),
        ],
        folder,
    )
    (wheel,) = folder.glob(f"{PROJECT}-{version}-*.whl")
    content = wheel.read_bytes()
    # As the index lays out its files.
    digest = hashlib.blake2b(content, digest_size=32).hexdigest()
    path = f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{wheel.name}"
    return Release(version, hashlib.sha256(content).hexdigest(), path)


def _read(root: Path) -> tuple[str, Any]:
    """The lockfile of production: the comment above it, and the document."""
    text = (root / _LOCK).read_text(encoding="utf-8")
    head, separator, body = text.partition("\n{")
    return head + "\n", json.loads(separator.strip() + body)


def pins(root: Path) -> dict[str, str]:
    """The versions of everything in the lockfile of production."""
    _, document = _read(root)
    return {
        each["project_name"]: each["version"]
        for each in document["locked_resolves"][0]["locked_requirements"]
    }


def lock(root: Path, release: Release) -> None:
    """Put a release into the lockfile, as `pants generate-lockfiles` would.

    Raises:
        CommandError: the lockfile has no such package.
    """
    head, document = _read(root)
    for each in document["locked_resolves"][0]["locked_requirements"]:
        if each["project_name"] == PROJECT:
            each["version"] = release.version
            each["artifacts"] = [
                {
                    "algorithm": "sha256",
                    "hash": release.sha256,
                    "url": f"https:${{PYPI_FILES}}/{release.path}",
                }
            ]
            text = json.dumps(document, indent=2, sort_keys=True)
            (root / _LOCK).write_text(f"{head}{text}\n", encoding="utf-8")
            return
    raise CommandError(f"{root / _LOCK} has no {PROJECT}; change PROJECT in {__file__}")
