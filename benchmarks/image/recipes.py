"""The ways to build the image that are compared: what a developer does, and what is built."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from image.clone import Clone, processes
from image.commands import Done
from image.engine import Engine
from image.requirement import Release, lock

PACKAGE = Path("fastapp", "__init__.py")


class Recipe(Protocol):
    """One way to build. Every method works on a tree of its own."""

    name: str

    def edit(self) -> None:
        """Change one line of the framework."""

    def pin(self, release: Release) -> None:
        """Change one requirement."""

    def build(self, *, cached: bool = True) -> tuple[Done, int | None]:
        """Build, and count the processes that ran, where that can be told."""

    def image(self) -> str | None:
        """The name in the engine of what was built; None where it is not there."""

    def stop(self) -> None:
        """End what runs on, and take away what was made outside the tree."""


def append_line(file: Path) -> None:
    """Change a file as an edit would, to what it never was before."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"# {secrets.token_hex(8)}\n")


@dataclass
class PantsRecipe:
    """`./pants package TARGET` in a clone; `names` are those of its image in the engine."""

    name: str
    clone: Clone
    target: str
    engine: Engine | None = None
    names: tuple[str, ...] = ()

    def edit(self) -> None:
        append_line(self.clone.root / "src" / PACKAGE)

    def pin(self, release: Release) -> None:
        lock(self.clone.root, release)

    def build(self, *, cached: bool = True) -> tuple[Done, int | None]:
        done = self.clone.pants("package", self.target)
        return done, processes(done)

    def image(self) -> str | None:
        return self.names[0] if self.names else None

    def stop(self) -> None:
        self.clone.stop()
        if self.engine:
            self.engine.remove(self.names)
