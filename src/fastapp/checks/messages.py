"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ERROR: Final = "error"
WARNING: Final = "warning"


@dataclass(frozen=True, slots=True)
class CheckMessage:
    """One mistake or doubt.

    Attributes:
        level: "error" makes the check fail, "warning" does not.
        number: stable name, such as "fastapp.E001".
        message: what is wrong.
        hint: what to do about it, or None.
    """

    level: Literal["error", "warning"]
    number: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        hint = f"\n\tHINT: {self.hint}" if self.hint else ""
        return f"({self.number}) {self.message}{hint}"


def error(number: int, message: str, hint: str | None = None) -> CheckMessage:
    """An error with the number ``fastapp.E<number>``."""
    return CheckMessage(ERROR, f"fastapp.E{number:03d}", message, hint)


def warning(number: int, message: str, hint: str | None = None) -> CheckMessage:
    """A warning with the number ``fastapp.W<number>``."""
    return CheckMessage(WARNING, f"fastapp.W{number:03d}", message, hint)
