"""How a build of a native wheel ends when it cannot do what its target asks for."""

from __future__ import annotations

from typing import Any


class NativeWheelError(SystemExit):
    """Ends the build; the message names target, field, value and fix."""

    def __init__(self, spec: dict[str, Any], message: str) -> None:
        super().__init__(f"native_wheel: target {spec['target']}: {message}")
