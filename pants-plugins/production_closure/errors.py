"""What a build ends with when something of development would ship."""

from __future__ import annotations


class DevelopmentLeakError(Exception):
    """What leaked, by which path, and the mend."""
