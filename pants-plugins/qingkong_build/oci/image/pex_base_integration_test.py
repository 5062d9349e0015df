"""Images of a `pex_binary` on top of others: several of them, none of them, and other platforms."""

from __future__ import annotations

import pytest
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import RuleRunner

from plugin_testing import machine, pex_images
from plugin_testing.pex_images import SITE_PACKAGES, config, layers, manifests, package
from qingkong_build.oci.image.image_integration_test import base_layout

#: Each imports the one below it, and a requirement of its own.
CODE = {"low": "one", "middle": "big", "high": "other"}
FILES = {
    "3rdparty/BUILD": "".join(
        f"python_requirement(name='{name}', requirements=['{name}'], resolve='made')\n"
        for name in ("one", "big", "other")
    ),
    **{
        f"src/{name}/BUILD": (
            f"python_sources()\npex_binary(name='run', entry_point='{name}.main')\n"
        )
        for name in CODE
    },
    "src/low/main.py": "import one\n",
    "src/middle/main.py": "import low.main\nimport big\n",
    "src/high/main.py": "import low.main\nimport middle.main\nimport one\nimport other\n",
    "app/BUILD": (
        "oci_image(name='low', base='nothing:1', pex='src/low:run')\n"
        "oci_image(name='middle', base=':low', pex='src/middle:run')\n"
        "oci_image(name='high', base=':middle', pex='src/high:run')\n"
        "oci_image(name='same', base=':middle', pex='src/low:run')\n"
        "oci_image(name='plain', base=':low', workdir='/plain', cmd=['x'])\n"
        "oci_image(name='above', base=':plain', pex='src/middle:run')\n"
        "oci_image(name='bare', base='nothing:1', workdir='/bare')\n"
        "oci_image(name='first', base=':bare', pex='src/low:run')\n"
        "oci_image(name='both', base=':middle', pex='src/high:run', \n"
        "    platforms=['linux/amd64', 'linux/arm64'])\n"
        "oci_image(name='loop', base=':loop', pex='src/low:run')\n"
        "oci_image(name='on-loop', base=':loop', pex='src/low:run')\n"
        "oci_image(name='one', base=':other', pex='src/low:run')\n"
        "oci_image(name='other', base=':one')\n"
    ),
}
MIDDLE = {
    "layer src/middle/run.requirement-big.tar": {f"{SITE_PACKAGES}/big.py"},
    "layer src/middle/run.sources.tar": {"app/middle/main.py"},
}
HIGH = {
    "layer src/high/run.requirements.tar": {f"{SITE_PACKAGES}/other.py"},
    "layer src/high/run.sources.tar": {"app/high/main.py"},
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> RuleRunner:
    folder = tmp_path_factory.mktemp("made")
    base = base_layout(folder / "base", "amd64", "arm64")
    runner = pex_images.repository_with()
    runner.write_files({"made.lock": pex_images.lockfile(folder)})
    machine.set_options(runner, pex_images.options(folder, base))
    return runner


def test_three_on_top_of_each_other(repository: RuleRunner) -> None:
    low, middle, high = (package(repository, FILES, name) for name in CODE)
    assert layers(middle) == {**layers(low), **MIDDLE}
    assert layers(high) == {**layers(middle), **HIGH}
    assert manifests(high)["amd64"]["layers"][:-2] == manifests(middle)["amd64"]["layers"]


def test_a_pex_that_the_base_has_is_no_layer(repository: RuleRunner) -> None:
    middle, same = (package(repository, FILES, name) for name in ("middle", "same"))
    assert manifests(same)["amd64"]["layers"] == manifests(middle)["amd64"]["layers"]
    assert "low.main" in " ".join(config(same)["Entrypoint"])


def test_an_image_without_a_pex_between_two(repository: RuleRunner) -> None:
    low, above = (package(repository, FILES, name) for name in ("low", "above"))
    assert layers(above) == {**layers(low), **MIDDLE}
    assert config(above)["WorkingDir"] == "/plain"


def test_a_base_without_a_pex(repository: RuleRunner) -> None:
    low, first = (package(repository, FILES, name) for name in ("low", "first"))
    assert layers(first) == layers(low)
    assert config(first)["WorkingDir"] == "/app"


def test_platforms_on_a_base_of_one(repository: RuleRunner) -> None:
    both, high = (package(repository, FILES, name) for name in ("both", "high"))
    assert manifests(both).keys() == {"amd64", "arm64"}
    for processor in ("amd64", "arm64"):
        assert layers(both, processor) == layers(high)


@pytest.mark.parametrize(
    ("name", "base", "way"),
    [
        ("loop", ":loop", "app:loop -> app:loop"),
        ("one", ":other", "app:one -> app:other -> app:one"),
        ("on-loop", ":loop", "app:on-loop -> app:loop -> app:loop"),
    ],
    ids=["itself", "two", "below"],
)
def test_an_image_on_top_of_itself(repository: RuleRunner, name: str, base: str, way: str) -> None:
    with pytest.raises(ExecutionError) as error:
        package(repository, FILES, name)
    for part in (f"'base' field in target app:{name} is '{base}'", way, "Fix: "):
        assert part in str(error.value)
