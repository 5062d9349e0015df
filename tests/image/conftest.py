"""The image under test, taken by its name once, so that a build meanwhile changes nothing."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from docker.errors import ImageNotFound
from docker.models.images import Image

from image import inside
from image.engine import FRAMEWORK, Engine, EngineError
from image.inside import Report
from image.lockfiles import Lock, framework_lock, read_lock
from image.saved import SavedImage, save


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The container engine."""
    with closing(Engine()) as engine:
        yield engine


@pytest.fixture(scope="session")
def image(engine: Engine) -> Image:
    """The framework's image."""
    return engine.image(FRAMEWORK)


@pytest.fixture(scope="session")
def base(engine: Engine, image: Image) -> Image:
    """The image that ours was made on: the one with the most of our layers, but not all."""
    layers = _layers(image)
    candidates = []
    for summary in engine.client.api.images():
        try:
            other = engine.client.images.get(summary["Id"])
        except ImageNotFound:
            continue  # Somebody removed it meanwhile.
        # What a build was made on has a name; what one leaves behind half-way has none.
        named = other.tags or other.attrs.get("RepoDigests")
        below = _layers(other)
        if named and below == layers[: len(below)] and len(below) < len(layers):
            candidates.append((len(below), other))
    if not candidates:
        raise EngineError(
            "the image that fastapp was made on is not in the container engine any more, and these "
            "tests compare the two; build again: make image"
        )
    return max(candidates, key=lambda pair: pair[0])[1]


@pytest.fixture(scope="session")
def saved(image: Image, base: Image) -> SavedImage:
    """The image as it is shipped."""
    return save(image, len(_layers(base)))


@pytest.fixture(scope="session")
def prod_lock() -> Lock:
    """The lockfile of what ships, as the framework's image has it."""
    return framework_lock()


@pytest.fixture(scope="session")
def dev_only(prod_lock: Lock) -> frozenset[str]:
    """Projects that only the lockfile of tests and tools has."""
    return frozenset(read_lock("3rdparty/dev.lock").versions) - set(prod_lock.versions)


@pytest.fixture(scope="session")
def report(engine: Engine, image: Image, dev_only: frozenset[str]) -> Report:
    """What Python in a container has to tell; the names of projects are asked for as modules."""
    names = sorted(name.replace("-", "_") for name in dev_only)
    done = engine.run(image, "python", "-c", inspect.getsource(inside), *names)
    assert done.code == 0, done.errors
    found: Report = json.loads(done.output)
    return found


def _layers(image: Image) -> list[str]:
    attributes: dict[str, Any] = image.attrs
    layers: list[str] = attributes["RootFS"].get("Layers") or []
    return layers
