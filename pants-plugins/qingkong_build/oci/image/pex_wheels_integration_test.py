"""Images of a `pex_binary` with a wheel that is built here, for one platform and for two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pants.backend.python.goals import package_dists
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import RuleRunner

from plugin_testing import machine, pex_images
from plugin_testing.pex_images import SITE_PACKAGES, layers
from plugin_testing.tiny_packages import SDISTS, serve_index
from qingkong_build.native_wheel import register as native_wheel
from qingkong_build.oci.image.image_integration_test import base_layout

SDIST = SDISTS["tiny-ext"]
WHEEL = (
    f"native_wheel(project='tiny-ext', version='1.0', sha256='{hashlib.sha256(SDIST).hexdigest()}',"
    f" size={len(SDIST)}, exclude=['*.c'], compile_args=['-Os'], link_args=['-s'], {{}})\n"
)
IMAGE = "oci_image(name='{}', base='nothing:1', pex='src/app:run'{})\n"
PLAIN = IMAGE.replace("src/app:run", "src/app:plain")
OTHER = ", pex_other_platforms=['native:arm64']"
BOTH = ", platforms=['linux/amd64', 'linux/arm64']"
FILES = {
    "3rdparty/BUILD": "python_requirement(name='one', requirements=['one'], resolve='made')\n",
    "native/BUILD": (
        WHEEL.format("name='amd64', platform='linux/amd64', resolves=['made']")
        + WHEEL.format("name='arm64', platform='linux/arm64'")
    ),
    "src/app/BUILD": (
        "python_sources()\n"
        "pex_binary(name='run', entry_point='app.main', dependencies=['native:amd64'])\n"
        "pex_binary(name='plain', entry_point='app.main')\n"
    ),
    "src/app/main.py": "import one\n",
    "app/BUILD": (
        IMAGE.format("oci", OTHER)
        + IMAGE.format("both", OTHER + BOTH)
        + IMAGE.format("bad", BOTH)
        + PLAIN.format("plain", OTHER + BOTH)
    ),
}
LAYER = "layer src/app/run.wheel-tiny-ext.tar"


@dataclass(frozen=True)
class Repository:
    """`options` are those of all its commands."""

    runner: RuleRunner
    wheels: Path
    options: list[str]

    def package(self, name: str, *options: str) -> dict[str, bytes]:
        machine.set_options(self.runner, [*self.options, *options])
        return pex_images.package(self.runner, FILES, name)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    folder = tmp_path_factory.mktemp("made")
    base = base_layout(folder / "base", "amd64", "arm64")
    runner = pex_images.repository_with(
        [*package_dists.rules(), *native_wheel.rules()],
        tuple(native_wheel.target_types()),
        ["native-build.lock"],
    )
    (folder / "index").mkdir()
    with serve_index(folder / "index") as index:
        options = pex_images.options(folder, base, "native-build")
        yield Repository(runner, folder, [*options, f"--python-repos-indexes=['{index}']"])


@pytest.fixture(autouse=True)
def lock(repository: Repository) -> None:
    """The lockfile as it is, whatever the test before did to it."""
    repository.runner.write_files({"made.lock": pex_images.lockfile(repository.wheels)})


def library(machine: str) -> str:
    return f"{SITE_PACKAGES}/tiny_ext/answer.cpython-312-{machine}-linux-gnu.so"


def test_each_platform_has_the_wheel_that_is_for_it(repository: Repository) -> None:
    files = repository.package("both")
    expected = {"amd64": "x86_64", "arm64": "aarch64"}
    for processor, machine_name in expected.items():
        found = layers(files, processor)
        assert list(found)[-2:] == [LAYER, "layer src/app/run.sources.tar"]
        assert {x for x in found[LAYER] if x.endswith(".so")} == {library(machine_name)}


def test_an_image_for_one_platform_builds_no_other_wheel(repository: Repository) -> None:
    # On arm64 that compiler is what amd64 takes.
    without = "--native-wheels-cross-compilers={'linux/amd64': 'x86_64-linux-gnu-gcc'}"
    found = layers(repository.package("oci", without))
    assert library("x86_64") in found[LAYER]


def test_a_pex_without_local_wheels_needs_no_compiler(repository: Repository) -> None:
    """`pex_other_platforms` replaces nothing then, as where a macro sets it for all images."""
    files = repository.package("plain", "--native-wheels-search-path=[]")
    for processor in ("amd64", "arm64"):
        assert LAYER not in layers(files, processor)


def refusal(repository: Repository, name: str) -> str:
    with pytest.raises(ExecutionError) as error:
        repository.package(name)
    return str(error.value)


def test_no_wheel_for_a_platform(repository: Repository) -> None:
    message = refusal(repository, "bad")
    for part in (
        *("'pex' field in target app:bad is 'src/app:run'", "native:amd64", "linux/amd64 alone"),
        *("for linux/arm64", "Fix: ", "'pex_other_platforms'"),
    ):
        assert part in message


def test_a_lockfile_that_has_the_project_too(repository: Repository) -> None:
    """The index's wheel would be beside ours, and one of the two would hide the other."""
    packages = (("one", ("tiny-ext",), {"one.py": ""}), ("tiny-ext", (), {"tiny_ext/x.py": ""}))
    lock = pex_images.lockfile(repository.wheels, packages)
    repository.runner.write_files({"made.lock": lock})
    message = refusal(repository, "oci")
    for part in (
        *("'pex' field in target app:oci is 'src/app:run'", "native:amd64 builds tiny-ext"),
        *("made.lock", "(one -> tiny-ext)", "Fix: ", "generate-lockfiles"),
    ):
        assert part in message
