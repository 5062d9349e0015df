"""What is compared, set up on this machine and taken away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from image.containerfiles import OldRecipe, UvRecipe
from image.engine import Engine, find_engine
from image.nocache import uncached_options
from image.recipes import PantsRecipe, Recipe
from image.registry import Registry, registry
from image.settings import package_settings
from image.start import SERVE
from measuring.clone import Clone, clone
from measuring.commands import run

ARCHIVE, IMAGE, PLAIN, OLD, UV = "deploy:oci", "deploy:image", "plain docker_image", "old", "uv"
BYTECODE = f"{IMAGE}, bytecode"
RECIPES = (ARCHIVE, IMAGE, BYTECODE, PLAIN, OLD, UV)
_OFFICIAL = "python:3.12-slim-bookworm"
_PLAIN_TARGET = "benchmarks/image/plain"
# Those that build in a clone with the layers of deploy/.
_OURS = (ARCHIVE, IMAGE, BYTECODE)
# The one line by which a team chooses bytecode, above the images of deploy/BUILD.
_FIRST = "IMAGE = dict(\n"
_CHOICE = '__defaults__({oci_image: dict(pex_bytecode="unchecked-hash")})\n'


@dataclass
class Setup:
    """What is measured.

    Attributes:
        recipes: that have built nothing yet, and have nothing to remember.
        new: makes such a recipe once more.
        engine: None where nothing that is measured needs one.
        base: the reference of the base image.
        versions: of what was measured with, for the record.
    """

    recipes: dict[str, Recipe]
    new: Callable[[str], Recipe]
    engine: Engine | None
    registry: Registry
    base: str
    python: Path
    folder: Path
    versions: dict[str, str]


def base_image(root: Path) -> str:
    """The base that this repository builds on, on this machine."""
    file = root / ".cache" / "base-image"
    return file.read_text(encoding="utf-8").strip() if file.exists() else _OFFICIAL


def rename(tree: Clone, token: str, address: str) -> tuple[str, ...]:
    """Give the image names of its own, and the archive a registry to be pushed to.

    What others of this machine call fastapp stays what it is.
    """
    names = (f"benchmark-ours-{token}:latest-py3.12", f"benchmark-second-{token}:latest-py3.12")
    tree.replace(
        "deploy/BUILD",
        'repo_tags=["qingkong_framework:latest-py3.12", "fastapp:latest-py3.12"]',
        f"repo_tags={list(names)}",
    )
    tree.replace(
        "deploy/BUILD",
        'oci_image(name="oci", **IMAGE)',
        f'oci_image(name="oci", repositories=["{address}/ours:archive"], **IMAGE)',
    )
    return names


def own_cache(folder: Path) -> dict[str, str | None]:
    """The variables that make Pants begin with nothing, not even its own installation."""
    return {"XDG_CACHE_HOME": str(folder), "QINGKONG_BUILD_CACHE": None}


@contextmanager
def prepared(
    root: Path,
    folder: Path,
    names: Sequence[str],
    token: str,
    progress: Callable[[str], None],
    *,
    shared: bool = False,
) -> Iterator[Setup]:
    """Set up the recipes of these names, each with a tree and caches of its own below `folder`.

    With `shared` caches, which are those of the user, a requirement may be there from before.

    Raises:
        CommandError: a command failed.
        EngineError: there is no engine that builds, or no registry.
    """
    engine = None if set(names) <= {ARCHIVE} else find_engine()
    python = Path(run([root / "build-support/setup/python.sh", "3.12"], root).output.strip())
    base = base_image(root)
    # As it is now: who works on in `root` meanwhile does not change what is compared.
    source = clone(root, folder / "source").root
    with ExitStack() as stack:
        there = stack.enter_context(registry(folder / "registry"))
        settings = package_settings(root, python, folder / "settings")

        def ours(name: str, tree: Clone, mark: str) -> Recipe:
            renamed = rename(tree, mark, there.address)
            if name == ARCHIVE:
                return PantsRecipe(name, tree, name)
            if name == BYTECODE:
                tree.replace("deploy/BUILD", _FIRST, f"{_CHOICE}\n{_FIRST}")
            return PantsRecipe(name, tree, IMAGE, engine, renamed)

        def plain(tree: Clone, mark: str) -> Recipe:
            tree.options.append(f"--docker-build-args=BASE_IMAGE={base}")
            tree.replace(f"{_PLAIN_TARGET}/BUILD", "benchmark-plain", f"benchmark-plain-{mark}")
            tag = f"benchmark-plain-{mark}:latest"
            uncached = uncached_options(folder / f"client-{mark}")
            # The image's entry point is the program.
            serve = SERVE[2:]
            return PantsRecipe(PLAIN, tree, _PLAIN_TARGET, engine, (tag,), uncached, serve)

        def make(name: str, mark: str, variables: dict[str, str | None]) -> Recipe:
            tree = partial(clone, source, folder / f"clone-{mark}", variables)
            if name in _OURS:
                return ours(name, tree(), mark)
            if name == PLAIN:
                return plain(tree(), mark)
            assert engine is not None
            kind = OldRecipe if name == OLD else UvRecipe
            return kind(name, engine, source, folder / f"{name}-{mark}", settings, base, token)

        numbers = iter(range(1_000))

        def new(name: str) -> Recipe:
            mark = f"{token}-{next(numbers)}"
            # What another recipe or another run has made must not help it.
            own = {} if shared else own_cache(folder / f"cache-{mark}")
            made = make(name, mark, own)
            stack.callback(made.stop)
            return made

        recipes: dict[str, Recipe] = {}
        for name in names:
            progress(f"setting up {name}")
            recipes[name] = new(name)
        versions = {"base": base}
        if engine:
            versions["engine"] = f"{engine.server}, client {engine.version} with BuildKit"
        versions["uv"] = run([settings.uv_program, "--version"], folder).output.split()[1]
        yield Setup(recipes, new, engine, there, base, python, folder, versions)
