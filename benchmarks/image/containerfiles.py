"""The recipes that an engine's builder carries out: the old one, and the one after uv's guide."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from image import builder
from image.engine import Engine
from image.recipes import PACKAGE, append_line
from image.registry import Registry
from image.requirement import Release, pins
from image.settings import PackageSettings
from image.start import SERVE
from measuring.commands import Done, run

# asyncmy-0.2.9.tar.gz, the version that the old recipe names, on any mirror of the index.
_ASYNCMY = "50/1e/67ec08cde59222d275909a508ad2db1ac8c20a72404a189dca31e242179b"
_ASYNCMY_OF_UV = "asyncmy==0.2.18"
#: What the recipe of a context is called.
FILE = "Containerfile"


class ContainerfileRecipe(ABC):
    """A context of its own, with the sources in `sources` and a file that says how to build."""

    serve: tuple[str, ...] = SERVE
    folder: str
    sources = Path()
    secrets: tuple[str, ...]

    def __init__(
        self,
        name: str,
        engine: Engine,
        root: Path,
        context: Path,
        settings: PackageSettings,
        base: str,
        run: str,
    ) -> None:
        """Lay out the context: the same sources, and the same versions as in the lockfile.

        Args:
            root: of the repository.
            context: the new directory; its name is in that of the image.
            base: the reference of the base image.
            run: what no other run of the benchmark is called.
        """
        self.name = name
        self.settings = settings
        self.context = context
        self._engine = engine
        self._base = base
        self._run = run
        self._made: set[str] = set()
        self._contexts: set[str] = set()
        self._tag = f"benchmark-{context.name}:latest"
        self._recipe = root / "benchmarks" / "image" / self.folder
        self._versions = pins(root)
        project = context / self.sources
        for part in ("fastapp", "common"):
            shutil.copytree(
                root / "src" / part,
                project / part,
                ignore=shutil.ignore_patterns("__pycache__", "BUILD"),
            )
        shutil.copy2(root / "src" / "manage.py", project / "manage.py")
        # Of its own from now on; the recipe of another round shares nothing but the run.
        text = (self._recipe / FILE).read_text(encoding="utf-8")
        marked = builder.marked(text, run, context.name)
        (context / FILE).write_text(marked, encoding="utf-8")
        self.prepare()
        self.write(self._versions)

    @abstractmethod
    def prepare(self) -> None:
        """Add to the context what it needs beside the sources."""

    @abstractmethod
    def write(self, versions: Mapping[str, str]) -> None:
        """Write down the requirements."""

    @abstractmethod
    def arguments(self) -> dict[str, str]:
        """The arguments of the build beside the base."""

    def edit(self) -> None:
        """Change one line of the framework."""
        append_line(self.context / self.sources / PACKAGE)

    def pin(self, release: Release) -> None:
        """Change one requirement."""
        self.write({**self._versions, release.project: release.version})

    def build(self, *, cached: bool = True) -> tuple[Done, int | None]:
        """Build; no processes are counted."""
        first = None if self._made else builder.records(self._engine)
        done = self._engine.build(
            self.context,
            self.context / FILE,
            (self._tag,),
            {"BASE_IMAGE": self._base, **self.arguments()},
            {key: self.settings.secrets[key] for key in self.secrets},
            cached=cached,
        )
        if first is not None:
            self._contexts = builder.contexts(first, builder.records(self._engine))
        self._made.add(self.image_id())
        return done, None

    def image(self) -> str | None:
        """The name of what was built."""
        return self._tag

    def image_id(self) -> str:
        """The sha256 of the image's configuration."""
        return str(self._engine.inspect(self._tag)["Id"])

    def push(self, registry: Registry) -> None:
        """Push what was built."""
        registry.push(self._engine, self._tag, self._tag.partition(":")[0])

    def stop(self) -> None:
        """Take away what was made of it: images, and what the builder keeps of this run."""
        self._engine.remove((self._tag,))
        self._engine.remove_nameless(self._made)
        kept = builder.records(self._engine)
        builder.remove(self._engine, builder.made_by(self._run, kept) | self._contexts)


class OldRecipe(ContainerfileRecipe):
    """Two stages and pip, as it was before."""

    folder = "old"
    secrets = ("apt", "ca", "pip")

    def prepare(self) -> None:
        script = "remove_dev_requirements.sh"
        shutil.copy2(self._recipe / script, self.context / script)

    def write(self, versions: Mapping[str, str]) -> None:
        lines = [f"{project}=={version}" for project, version in versions.items()]
        text = "\n".join([*lines, "# Dev", "pytest", "ruff"])
        (self.context / "requirements.txt").write_text(f"{text}\n", encoding="utf-8")

    def arguments(self) -> dict[str, str]:
        return {"ASYNCMY_URL": f"{self.settings.files}/{_ASYNCMY}/asyncmy-0.2.9.tar.gz"}


class UvRecipe(ContainerfileRecipe):
    """A recipe after uv's guide."""

    folder = "uv"
    sources = Path("project")
    secrets = ("ca", "uv")

    def prepare(self) -> None:
        shutil.copy2(self.settings.uv_program, self.context / "uv")

    def write(self, versions: Mapping[str, str]) -> None:
        lines = [f'  "{project}=={version}",' for project, version in versions.items()]
        text = "\n".join(
            [
                *("[project]", 'name = "project"', 'version = "0"'),
                *('requires-python = "==3.12.*"', "dependencies = ["),
                *(*lines, f'  "{_ASYNCMY_OF_UV}",', "]"),
                *("[dependency-groups]", 'dev = ["pytest", "ruff"]'),
                *("[tool.uv]", "package = false"),
            ]
        )
        project = self.context / self.sources
        (project / "pyproject.toml").write_text(f"{text}\n", encoding="utf-8")
        lock: list[str | Path] = [self.settings.uv_program, "lock", "--quiet"]
        lock += ["--python", self.settings.python, "--config-file", self.settings.secrets["uv"]]
        run(lock, project)

    def arguments(self) -> dict[str, str]:
        return {}
