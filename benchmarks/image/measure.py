"""The rows: what is done to each recipe, and what is taken down."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from image.profile import phases
from image.recipes import PantsRecipe, Recipe
from image.registry import Stored
from image.requirement import RELEASES, Release, fetch
from image.setup import ARCHIVE, BASE, BYTECODE, IMAGE, Setup
from image.start import READ_ONLY, Server
from image.starts import Starts, measure_starts
from measuring.rounds import Measurements, Turn, interleaved

# Of whose starts more is looked at.
PROFILED = (IMAGE, BYTECODE)
# What is edited while Pants watches, and what it says when it has packaged it.
_WATCHED = {
    ARCHIVE: "Wrote dist/deploy/oci.tar",
    IMAGE: "Wrote dist/deploy/image.docker-info.json",
}


@dataclass(frozen=True)
class Plan:
    """How often; `requirement_rounds` is at most the number of releases there are.

    With no `cold_rounds`, the first builds are not from nothing, and do not count.
    """

    rounds: int
    requirement_rounds: int
    cold_rounds: int
    warmups: int = 1

    def replaced(self, rounds: int | None, requirement: int | None, cold: int | None) -> Plan:
        """With other numbers, where they are given."""
        return replace(
            self,
            rounds=rounds or self.rounds,
            requirement_rounds=min(
                self.requirement_rounds if requirement is None else requirement, len(RELEASES)
            ),
            cold_rounds=self.cold_rounds if cold is None else cold,
        )


@dataclass
class Results:
    """Seconds, bytes in `sizes`, by recipe. `digests` are of builds from nothing."""

    warm: Measurements
    requirement: Measurements
    cold: Measurements
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    digests: dict[str, list[str]] = field(default_factory=dict)
    # Of each edit: seconds by phase.
    profiles: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    starts: Starts = field(default_factory=Starts)
    # With `--loop`: seconds from a saved file to its image.
    watched: Measurements = field(default_factory=Measurements)

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        document = {
            "warm": self.warm.values,
            "requirement": self.requirement.values,
            "cold": self.cold.values,
            "sizes": self.sizes,
            "digests": self.digests,
            "profiles": self.profiles,
            "starts": self.starts.document(),
            "watched": self.watched.values,
        }
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def measure(setup: Setup, plan: Plan, progress: Callable[[str], None]) -> Results:
    """Measure everything; `progress` is told what is done."""

    def note(row: str) -> Callable[[int, str], None]:
        return lambda number, name: progress(f"{row}, round {number + 1}: {name}")

    cold = Measurements()
    digests: dict[str, list[str]] = {name: [] for name in setup.recipes}
    # From nothing, bytecode is a choice of the same recipe and not another.
    counted = [name for name in setup.recipes if plan.cold_rounds and name != BYTECODE]
    for name, recipe in setup.recipes.items():
        progress(f"first build: {name}")
        taken = first_build(recipe, digests[name], cached=name not in counted)
        if name in counted:
            cold.add(name, taken)
    sizes = measure_sizes(setup, progress)
    profiles: dict[str, list[dict[str, float]]] = {name: [] for name in setup.recipes}
    warm = interleaved(
        {name: partial(warm_turn, each, profiles[name]) for name, each in setup.recipes.items()},
        plan.rounds,
        warmups=plan.warmups,
        progress=note("edit"),
    )
    watched = measure_watched(setup, plan.rounds, progress)
    starts = Starts()
    if setup.engine and (servers := servers_of(setup.recipes)):
        starts = measure_starts(
            setup.engine,
            servers,
            plan.rounds,
            note("start"),
            profiled=[name for name in servers if name in PROFILED],
            warmups=plan.warmups,
        )
    requirement = Measurements()
    if plan.requirement_rounds:
        releases = [
            fetch(setup.python, version, setup.folder / "releases")
            for version in RELEASES[: plan.requirement_rounds]
        ]
        requirement = interleaved(
            {name: requirement_turn(each, releases) for name, each in setup.recipes.items()},
            plan.requirement_rounds,
            warmups=0,
            progress=note("requirement"),
        )
    # The first builds were the first round.
    if counted and plan.cold_rounds > 1:
        more = interleaved(
            {name: partial(cold_turn, setup, name, digests[name]) for name in counted},
            plan.cold_rounds - 1,
            warmups=0,
            progress=note("from nothing"),
        )
        for name in more.variants:
            cold.values[name]["cold"] += more.column(name, "cold")
    return Results(warm, requirement, cold, sizes, digests, profiles, starts, watched)


def measure_watched(setup: Setup, rounds: int, progress: Callable[[str], None]) -> Measurements:
    """Edits while Pants watches."""
    watched = Measurements()
    for name, recipe in setup.recipes.items():
        if isinstance(recipe, PantsRecipe) and name in _WATCHED:
            progress(f"edit while watching: {name}")
            log = setup.folder / "loop.log"
            for seconds in recipe.edits_while_watching(_WATCHED[name], rounds, log):
                watched.add(name, {"watched": seconds})
    return watched


def servers_of(recipes: Mapping[str, Recipe]) -> dict[str, Server]:
    """What is started of each recipe whose image the engine has."""
    servers: dict[str, Server] = {}
    for name, recipe in recipes.items():
        if image := recipe.image():
            servers[name] = Server(image, recipe.serve)
            if name in PROFILED:
                servers[f"{name}, read-only"] = Server(image, recipe.serve, READ_ONLY)
    return servers


def warm_turn(recipe: Recipe, profile: list[dict[str, float]]) -> dict[str, float]:
    """Change a line and build, and build again; where the time went is added to `profile`."""
    recipe.edit()
    edited, ran = recipe.build()
    again, ran_again = recipe.build()
    taken = {"edit": edited.seconds, "nothing": again.seconds}
    if ran is not None and ran_again is not None:
        taken |= {"edit processes": ran, "nothing processes": ran_again}
        profile.append(phases(edited))
    return taken


def requirement_turn(recipe: Recipe, releases: list[Release]) -> Turn:
    """Change the requirement to a release that the recipe has not met, and build."""
    left = iter(releases)

    def turn() -> Mapping[str, float]:
        recipe.pin(next(left))
        done, ran = recipe.build()
        return {"requirement": done.seconds} | ({} if ran is None else {"processes": ran})

    return turn


def first_build(recipe: Recipe, digests: list[str], *, cached: bool) -> dict[str, float]:
    """Build what was never built, and note what came out."""
    done, _ = recipe.build(cached=cached)
    digests.append(recipe.image_id())
    return {"cold": done.seconds}


def cold_turn(setup: Setup, name: str, digests: list[str]) -> dict[str, float]:
    """Set a recipe up again, and build from nothing."""
    recipe = setup.new(name)
    try:
        return first_build(recipe, digests, cached=False)
    finally:
        recipe.stop()


def measure_sizes(setup: Setup, progress: Callable[[str], None]) -> dict[str, dict[str, int]]:
    """What each image adds to its base, and what is pushed of it after a change of one line."""
    sizes: dict[str, dict[str, int]] = {}
    if setup.engine:
        progress("pushing the base")
        setup.registry.push(setup.engine, setup.base, BASE)
    for name, recipe in setup.recipes.items():
        progress(f"pushing {name}, and once more after an edit")
        before = setup.registry.stored()
        recipe.push(setup.registry)
        first = setup.registry.stored().since(before)
        recipe.edit()
        recipe.build()
        before = setup.registry.stored()
        recipe.push(setup.registry)
        second = setup.registry.stored().since(before)
        sizes[name] = {
            "packed": packed(setup, recipe, first),
            "pushed": second.size,
            "pushed layers": second.layers,
        }
        image = recipe.image()
        if image is not None:
            assert setup.engine is not None
            whole = setup.engine.inspect(image)["Size"]
            sizes[name]["unpacked"] = whole - setup.engine.inspect(setup.base)["Size"]
    if ARCHIVE in sizes and IMAGE in sizes:
        # The same layers: a test proves it.
        sizes[ARCHIVE]["unpacked"] = sizes[IMAGE]["unpacked"]
    return sizes


def packed(setup: Setup, recipe: Recipe, first: Stored) -> int:
    """Bytes of the layers above the base, as they travel."""
    if recipe.image() is not None:
        return first.size
    assert isinstance(recipe, PantsRecipe)
    manifest = recipe.layout_manifest()
    diff_ids = [each["size"] for each in manifest["layers"]]
    # The base of ours is one image: how many layers it has, the engine or its own history says.
    lowest = (
        1 if setup.engine is None else len(setup.engine.inspect(setup.base)["RootFS"]["Layers"])
    )
    return sum(diff_ids[lowest:])
