"""What a build ends with when something of development would ship, or a lockfile is wrong."""

from __future__ import annotations


class DevelopmentLeakError(Exception):
    """What leaked, by which path, and the fix."""


class LockfileError(Exception):
    """What is wrong, where, with which value, and the fix."""
