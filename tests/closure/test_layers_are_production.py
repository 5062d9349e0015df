"""The layers hold production: no more, no less. Read from the layout, without Pants or an engine.

What production is comes from the lockfile, by code that has nothing in common with what resolves
it for the build: `packaging` evaluates the markers, and the closure is walked in
tests/image/lockfiles.py.
"""

from __future__ import annotations

from collections import Counter

import pytest
from closure.layers import Distribution, Layer, read_layers
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from image.build_files import read_build_file
from image.lockfiles import Lock, framework_lock, read_lock

#: Of this interpreter, which is the one of the image: CPython 3.12 on Linux.
ENVIRONMENT = {key: str(value) for key, value in default_environment().items()}


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    found = read_layers()
    assert len(found) > 3, "the layout was read wrongly"
    return found


@pytest.fixture(scope="module")
def distributions(layers: list[Layer]) -> list[Distribution]:
    return [one for layer in layers for one in layer.distributions()]


@pytest.fixture(scope="module")
def lock() -> Lock:
    return framework_lock()


def test_exactly_the_closure_of_the_lockfile_and_the_driver(
    distributions: list[Distribution], lock: Lock
) -> None:
    closure = lock.closure(ENVIRONMENT)
    wheel = read_build_file("3rdparty/asyncmy/BUILD")["wheel"].fields
    driver = f"{wheel['version']}+{wheel['local_version']}"
    assert len(closure) > 10, "the lockfile was read wrongly"
    assert "asyncmy" not in closure, "the index's wheel would beat ours"
    assert {one.name: one.version for one in distributions} == {**closure, "asyncmy": driver}


def test_each_in_one_layer(distributions: list[Distribution]) -> None:
    count = Counter(one.name for one in distributions)
    assert {name: number for name, number in count.items() if number > 1} == {}


def test_nothing_that_only_development_has(distributions: list[Distribution], lock: Lock) -> None:
    development = set(read_lock("3rdparty/dev.lock").versions) - set(lock.versions)
    assert {"pytest", "mypy"} <= development, "the lockfiles were read wrongly"
    assert {one.name for one in distributions} & development == set()


def test_what_each_asks_for_is_there(distributions: list[Distribution], lock: Lock) -> None:
    """By the metadata of what is installed: the lockfile is not asked."""
    installed = {one.name: one.version for one in distributions}
    extras: dict[str, set[str]] = {name: {""} for name in installed}
    requirements = {
        one.name: [Requirement(text) for text in one.metadata.get_all("Requires-Dist") or ()]
        for one in distributions
    }
    for root in lock.roots:
        extras[canonicalize_name(root.name)] |= root.extras
    missing = []
    checked = 0
    for name, asked in requirements.items():
        for requirement in asked:
            marker = requirement.marker
            if marker is not None and not any(
                marker.evaluate({**ENVIRONMENT, "extra": extra}) for extra in extras[name]
            ):
                continue
            checked += 1
            version = installed.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                missing.append(f"{name} asks for {requirement}, and there is {version}")
    assert missing == []
    assert checked > 20, "the metadata was read wrongly"


def test_no_file_belongs_to_no_distribution(layers: list[Layer]) -> None:
    for layer in layers:
        recorded = {path for one in layer.distributions() for path in one.recorded}
        extra = {path for path in layer.files if path not in recorded}
        # What an installer writes, and does not always record.
        kept = {path for path in extra if not path.endswith((".dist-info/INSTALLER", "/REQUESTED"))}
        assert kept == set(), layer.name
