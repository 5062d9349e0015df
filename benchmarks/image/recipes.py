"""The ways to build the image that are compared: what a developer does, and what is built."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from image import builder
from image.engine import Engine
from image.registry import Registry
from image.requirement import Release, lock
from image.start import SERVE
from image.watching import watching
from measuring.clone import Clone, processes
from measuring.commands import Done

PACKAGE = Path("fastapp", "__init__.py")


class Recipe(Protocol):
    """One way to build. Every method works on a tree of its own."""

    name: str
    #: What starts the server in a container of the image.
    serve: tuple[str, ...]

    def edit(self) -> None:
        """Change one line of the framework."""

    def pin(self, release: Release) -> None:
        """Change one requirement."""

    def build(self, *, cached: bool = True) -> tuple[Done, int | None]:
        """Build, and count the processes that ran, where that can be told.

        Without `cached`, the engine's builder is told to begin from nothing; of Pants, only a new
        recipe does.
        """

    def image(self) -> str | None:
        """The name in the engine of what was built; None where it is not there."""

    def image_id(self) -> str:
        """The sha256 of the image's configuration: the same exactly if the image is."""

    def push(self, registry: Registry) -> None:
        """Push what was built."""

    def stop(self) -> None:
        """End what runs on, and take away what was made outside the tree."""


def append_line(file: Path) -> None:
    """Change a file as an edit would, to what it never was before."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"# {secrets.token_hex(8)}\n")


@dataclass
class PantsRecipe:
    """`./pants package TARGET` in a clone; `names` are those of its image in the engine.

    `uncached` are options that keep the engine's builder from remembering.
    """

    name: str
    clone: Clone
    target: str
    engine: Engine | None = None
    names: tuple[str, ...] = ()
    uncached: tuple[str, ...] = ()
    serve: tuple[str, ...] = SERVE
    _made: set[str] = field(default_factory=set)

    def edit(self) -> None:
        append_line(self.clone.root / "src" / PACKAGE)

    def pin(self, release: Release) -> None:
        lock(self.clone.root, release)

    def build(self, *, cached: bool = True) -> tuple[Done, int | None]:
        done = self.clone.pants(*(() if cached else self.uncached), "package", self.target)
        self._remember()
        return done, processes(done)

    def edits_while_watching(self, mark: str, rounds: int, log: Path) -> list[float]:
        """Seconds from each edit until Pants prints `mark`, without the first."""
        taken = []
        with watching(self.clone, self.target, mark, log) as watch:
            for number in range(rounds + 1):
                began = time.perf_counter()
                self.edit()
                watch.wait(number + 2)
                taken.append(time.perf_counter() - began)
                self._remember()
        return taken[1:]

    def _remember(self) -> None:
        """Note the current image, which `stop` removes."""
        if self.engine and self.names:
            self._made.add(self.engine.inspect(self.names[0])["Id"])

    def image(self) -> str | None:
        return self.names[0] if self.names else None

    def image_id(self) -> str:
        if self.engine and self.names:
            return str(self.engine.inspect(self.names[0])["Id"])
        return str(self.layout_manifest()["config"]["digest"])

    def layout_manifest(self) -> dict[str, Any]:
        """The manifest of the layout that was written."""
        layout = self.clone.root / "dist" / "deploy" / "oci"
        index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
        digest = index["manifests"][0]["digest"].replace(":", "/")
        text = (layout / "blobs" / digest).read_text(encoding="utf-8")
        document: dict[str, Any] = json.loads(text)
        return document

    def push(self, registry: Registry) -> None:
        if self.engine and self.names:
            registry.push(self.engine, self.names[0], self.names[0].partition(":")[0])
        else:
            self.clone.pants("publish", self.target)

    def stop(self) -> None:
        self.clone.stop()
        if self.engine:
            self.engine.remove(self.names)
            self.engine.remove_nameless(self._made)


@dataclass
class GuideRecipe(PantsRecipe):
    """A `docker_image` whose Dockerfile has commands, of which the builder keeps what they made.

    `run` is what no other run of the benchmark is called.
    """

    run: str = ""

    def stop(self) -> None:
        super().stop()
        assert self.engine is not None
        builder.remove(self.engine, builder.made_by(self.run, builder.records(self.engine)))
