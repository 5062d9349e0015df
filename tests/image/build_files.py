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


class _Folder:
    """Pants' `build_file_dir`, with the little of its inside that the prelude asks for."""

    def __init__(self, path: str, targets: list[Target]) -> None:
        self._path, self._targets = path, targets

    def __call__(self) -> Path:
        return Path(self._path).parent

    @property
    def __self__(self) -> _Folder:
        return self

    def parsed_targets(self) -> list[Target]:
        return self._targets


def read_build_file(path: str, *, prelude: str | None = None) -> dict[str, Target]:
    """The targets of a BUILD file, by name; with those of the macros of a prelude."""
    symbols = _Symbols()
    if prelude is not None:
        symbols["build_file_dir"] = _Folder(path, symbols.targets)
        exec(compile(Path(prelude).read_text(encoding="utf-8"), prelude, "exec"), symbols)
    exec(compile(Path(path).read_text(encoding="utf-8"), path, "exec"), {}, symbols)
    return {target.name: target for target in symbols.targets}


#: The layers that the image has whatever deploy/BUILD says of its requirements.
SYSTEM, REST, DRIVER, SOURCES = (
    "deploy/system",
    "deploy/runtime.requirements",
    "deploy/runtime.wheel-asyncmy",
    "deploy/runtime.sources",
)


def requirement_groups() -> dict[str, list[str]]:
    """The layers of requirements that deploy/BUILD names, the lowest first: what is in each."""
    groups: dict[str, list[str]] = read_build_file("deploy/BUILD")["oci"].fields["pex_layers"]
    return {f"deploy/runtime.{name}": distributions for name, distributions in groups.items()}


def layer_names() -> list[str]:
    """The layers of the image as its history names them, the lowest first."""
    return [SYSTEM, *requirement_groups(), REST, DRIVER, SOURCES]
