"""The image of a `pex_binary`: it starts what the PEX would, with the same distributions."""

from __future__ import annotations

import json

import pytest
from docker.models.images import Image

from image.engine import Engine
from image.serving import HARDENED

NAME = "qingkong-test-pex:latest"
LIST = (
    "import importlib.metadata as m, json; "
    "print(json.dumps({each.metadata['Name']: each.version for each in m.distributions()}))"
)


@pytest.fixture(scope="module")
def pex_image(engine: Engine) -> Image:
    return engine.image(NAME)


def test_it_starts_what_the_pex_would(engine: Engine, pex_image: Image) -> None:
    done = engine.run(pex_image, "--json", **HARDENED)
    assert done.code == 0, done.errors
    assert json.loads(done.output)["asyncmy"]["optimised"] is True


def test_it_has_the_distributions_of_the_image(
    engine: Engine, image: Image, pex_image: Image
) -> None:
    found = []
    for each in (pex_image, image):
        with engine.container(each, [LIST], entrypoint=["python", "-c"]) as container:
            assert container.wait(timeout=60)["StatusCode"] == 0
            found.append(json.loads(container.logs(stdout=True, stderr=False)))
    ours, whole = found
    assert ours == {name: version for name, version in whole.items() if name in ours}
    # What the framework loads by name is no dependency of its code.
    assert {"fastapi", "tortoise-orm", "asyncmy", "uvicorn"} <= set(ours)


def test_each_part_has_a_layer(pex_image: Image) -> None:
    layers = [step["CreatedBy"] for step in reversed(pex_image.history())]
    assert layers[0] == "base"
    names = [layer.removeprefix("layer tests/image/pex/manage.") for layer in layers[1:]]
    assert names[-2:] == ["wheel-asyncmy.tar", "sources.tar"]
    assert {"requirements-compiled.tar", "requirements.tar"} <= set(names[:-2])
