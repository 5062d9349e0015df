"""What is installed, found out without importing it."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> bool:
    """Whether a top-level package can be imported."""
    return importlib.util.find_spec(package) is not None


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
