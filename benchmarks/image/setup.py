"""What is compared, set up on this machine and taken away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from image import builder
from image.buildah import BuildahRecipe, find_buildah
from image.client import buildkit_options, uncached_options
from image.containerfiles import ContainerfileRecipe, OldRecipe, UvRecipe
from image.engine import Engine, find_engine
from image.recipes import GuideRecipe, PantsRecipe, Recipe
from image.registry import Registry, registry
from image.settings import package_settings
from image.start import SERVE
from measuring.clone import Clone, clone
from measuring.commands import run

ARCHIVE, IMAGE, OLD, UV, BUILDAH = "deploy:oci", "deploy:image", "old", "uv", "buildah"
PLAIN, VENVS = "plain docker_image", "venvs docker_image"
BYTECODE = f"{IMAGE}, bytecode"
RECIPES = (ARCHIVE, IMAGE, BYTECODE, PLAIN, VENVS, OLD, UV, BUILDAH)
#: The repository that the base is pushed to.
BASE = "base"
_OFFICIAL = "python:3.12-slim-bookworm"
_PLAIN_TARGET = "benchmarks/image/plain"
_VENVS_TARGET = "benchmarks/image/venvs"
_CONTAINERFILES: dict[str, type[ContainerfileRecipe]] = {
    OLD: OldRecipe,
    UV: UvRecipe,
    BUILDAH: BuildahRecipe,
}
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


def guided(tree: Clone, target: str, base: str, mark: str) -> str:
    """Have a `docker_image` of a guide built on this base, and under a name of its own."""
    name = f"benchmark-{Path(target).name}"
    tree.options.append(f"--docker-build-args=BASE_IMAGE={base}")
    tree.replace(f"{target}/BUILD", f'"{name}"', f'"{name}-{mark}"')
    return f"{name}-{mark}:latest"


def plain(tree: Clone, engine: Engine, base: str, mark: str) -> Recipe:
    """One PEX, whose image has the program as its entry point."""
    tag = guided(tree, _PLAIN_TARGET, base, mark)
    uncached = uncached_options(tree.root.with_name(f"client-{mark}"))
    return PantsRecipe(PLAIN, tree, _PLAIN_TARGET, engine, (tag,), uncached, SERVE[2:])


def venvs(tree: Clone, engine: Engine, base: str, mark: str, token: str) -> Recipe:
    """Two PEXes, made into one environment by commands of this run."""
    tag = guided(tree, _VENVS_TARGET, base, mark)
    file = tree.root / _VENVS_TARGET / "Dockerfile"
    file.write_text(builder.marked(file.read_text(encoding="utf-8"), token, mark), encoding="utf-8")
    clients = tree.root.with_name(f"client-{mark}")
    tree.options.extend(buildkit_options(engine, clients / "warm"))
    uncached = buildkit_options(engine, clients / "cold", "--no-cache")
    names = (tag,)
    return GuideRecipe(VENVS, tree, _VENVS_TARGET, engine, names, uncached, SERVE[2:], run=token)


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

        def make(name: str, mark: str, variables: dict[str, str | None]) -> Recipe:
            tree = partial(clone, source, folder / f"clone-{mark}", variables)
            if name in _OURS:
                return ours(name, tree(), mark)
            assert engine is not None
            if name == PLAIN:
                return plain(tree(), engine, base, mark)
            if name == VENVS:
                return venvs(tree(), engine, base, mark, token)
            context, origin = folder / f"{name}-{mark}", base
            if name == BUILDAH:
                there.push(engine, base, BASE)
                origin = there.reference(BASE)
            kind = _CONTAINERFILES[name]
            return kind(name, engine, source, context, settings, origin, token)

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
        if BUILDAH in names:
            versions["buildah"] = run([find_buildah(), "--version"], folder).output.split()[2]
        versions["uv"] = run([settings.uv_program, "--version"], folder).output.split()[1]
        yield Setup(recipes, new, engine, there, base, python, folder, versions)
