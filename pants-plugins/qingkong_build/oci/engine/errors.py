"""What goes wrong with an engine."""

from __future__ import annotations


class EngineError(Exception):
    """Something went wrong with a container engine. Says which, and the fix."""


class EngineUnreachableError(EngineError):
    """The engine cannot be spoken to: it is not there, does not answer, or answers with garbage."""


class EngineRefusedError(EngineError):
    """The engine answered, and said no."""
