"""What is installed, found out without importing it."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version

from fastapp.exceptions import CommandError


def installed(package: str) -> bool:
    """Whether a top-level package can be imported."""
    return importlib.util.find_spec(package) is not None


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def require(command: str, *packages: str) -> None:
    """Refuse to run a command without the packages that it needs.

    Raises:
        CommandError: one is not installed; names the command and the package.
    """
    for package in packages:
        if not installed(package):
            raise CommandError(
                f"{command} needs the package {package!r}, which is not installed. "
                "Fix: add it to the requirements."
            )
