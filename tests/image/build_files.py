"""Reading BUILD files without Pants: which targets they have, and the values of their fields."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Target:
    """One target of a BUILD file."""

    kind: str
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name in the folder."""
        return str(self.fields.get("name"))


class _Symbols(dict[str, Any]):
    """Makes every name that Python does not know a target type."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[Target] = []

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        return lambda *_, **fields: self.targets.append(Target(name, fields))


def read_build_file(path: str) -> dict[str, Target]:
    """The targets of a BUILD file, by name."""
    symbols = _Symbols()
    exec(compile(Path(path).read_text(encoding="utf-8"), path, "exec"), {}, symbols)
    return {target.name: target for target in symbols.targets}


def layer_targets() -> list[Target]:
    """The layers that deploy/BUILD says the image has, in its order."""
    found = read_build_file("deploy/BUILD")
    return [found[name.removeprefix(":")] for name in found["oci"].fields["layers"]]
