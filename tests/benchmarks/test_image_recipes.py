"""What recipes of the image benchmark ask of programs: noted by others in their place."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from image.buildah import BuildahRecipe, find_buildah
from image.client import buildkit_options
from image.engine import Engine, EngineError
from image.recipes import PantsRecipe
from image.registry import Registry
from image.settings import PackageSettings
from image.setup import venvs
from measuring.clone import Clone

DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS deps
RUN make
FROM ${BASE_IMAGE}
COPY --from=deps /made /made
"""


def program(path: Path, told: str = "") -> Path:
    """Notes its arguments and whether it was told of BuildKit; prints `told`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noted = shlex.quote(str(path.with_suffix(".log")))
    path.write_text(
        f'#!/bin/sh\necho "$*${{DOCKER_BUILDKIT:+ with BuildKit}}" >> {noted}\necho {told}\n'
    )
    path.chmod(0o755)
    return path


def notes(path: Path) -> list[str]:
    return path.with_suffix(".log").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    record = {
        "ID": "a1",
        "CacheType": "regular",
        "Parent": "",
        "Description": "exec /usr/bin/env BENCHMARK_RUN=r1 /bin/sh",
    }
    # One answer for what it knows of an image, and for what its builder keeps.
    told = json.dumps([{"Id": "sha256:1", "RepoTags": ["other"], **record}])
    path = program(tmp_path / "programs" / "docker", shlex.quote(told))
    return Engine(str(path), "20.10", "20.10")


def test_pants_finds_a_client_with_buildkit(engine: Engine, tmp_path: Path) -> None:
    (option,) = buildkit_options(engine, tmp_path / "clients", "--no-cache")
    assert option.startswith(f'--docker-executable-search-paths=["{tmp_path / "clients"}"')
    for words in (("build", "--tag", "a b", "."), ("push", "x")):
        subprocess.run([tmp_path / "clients" / "docker", *words], check=True)
    assert notes(Path(engine.client)) == [
        "build --no-cache --tag a b . with BuildKit",
        "push x with BuildKit",
    ]


def test_commands_of_a_guide_are_those_of_this_run(engine: Engine, tmp_path: Path) -> None:
    root = tmp_path / "clone"
    target = root / "benchmarks" / "image" / "venvs"
    target.mkdir(parents=True)
    (target / "BUILD").write_text('docker_image(repository="benchmark-venvs")\n')
    (target / "Dockerfile").write_text(DOCKERFILE)
    recipe = venvs(Clone(root, {}), engine, "base:1", "r1-0", "r1")
    assert recipe.image() == "benchmark-venvs-r1-0:latest"
    assert '"benchmark-venvs-r1-0"' in (target / "BUILD").read_text()
    assert (target / "Dockerfile").read_text().count('"BENCHMARK_RUN=r1"') == 2
    assert isinstance(recipe, PantsRecipe)
    assert "--docker-build-args=BASE_IMAGE=base:1" in recipe.clone.options
    # Two clients: one that is told to begin from nothing.
    texts = [path.read_text() for path in sorted(tmp_path.glob("client-r1-0/*/docker"))]
    assert ["--no-cache" in text for text in texts] == [True, False]
    recipe.stop()
    assert "builder prune --force --all --filter id=/^(a1)$/ with BuildKit" in notes(
        Path(engine.client)
    )


class Small(BuildahRecipe):
    """Without the requirements, which uv would lock."""

    def write(self, versions: Mapping[str, str]) -> None:
        """Write nothing."""


@pytest.fixture
def buildah(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = program(tmp_path / "programs" / "buildah", "sha256:2")
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return path


def small(tmp_path: Path, engine: Engine) -> Small:
    root, uv = tmp_path / "repository", program(tmp_path / "programs" / "uv")
    for name, text in {
        "src/fastapp/__init__.py": "",
        "src/common/__init__.py": "",
        "src/manage.py": "",
        "benchmarks/image/uv/Containerfile": DOCKERFILE,
        "3rdparty/prod.lock": '// x\n{"locked_resolves": [{"locked_requirements": []}]}\n',
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    secrets = {"ca": root / "ca", "uv": root / "uv.toml"}
    settings = PackageSettings(secrets, "", Path("python"), uv)
    base = "127.0.0.1:1/base:pushed"
    return Small("buildah", engine, root, tmp_path / "buildah-r1-0", settings, base, "r1")


def test_buildah_has_a_storage_of_its_own(buildah: Path, engine: Engine, tmp_path: Path) -> None:
    recipe = small(tmp_path, engine)
    storage = tmp_path / "buildah-r1-0.storage"
    assert storage.is_dir()
    recipe.build(cached=False)
    recipe.build()
    assert recipe.image_id() == "sha256:2"
    pulled, first, second, _ = notes(buildah)
    assert pulled.endswith(" pull --quiet --tls-verify=false 127.0.0.1:1/base:pushed")
    assert all(f"--root {storage}/root --runroot {storage}/run" in each for each in notes(buildah))
    assert "--build-arg BASE_IMAGE=127.0.0.1:1/base:pushed" in first
    assert f"--secret id=uv,src={tmp_path}/repository/uv.toml" in first
    assert (" --no-cache " in first, " --no-cache " in second) == (True, False)
    recipe.stop()
    assert not storage.exists()


def test_what_buildah_has_pushed_the_engine_can_start(
    buildah: Path, engine: Engine, tmp_path: Path
) -> None:
    recipe = small(tmp_path, engine)
    assert recipe.image() is None
    recipe.push(Registry("127.0.0.1:1", tmp_path))
    tag, remote = "benchmark-buildah-r1-0:latest", "127.0.0.1:1/benchmark-buildah-r1-0:pushed"
    assert recipe.image() == tag
    assert notes(buildah)[-1].endswith(f"push --quiet --tls-verify=false {tag} docker://{remote}")
    asked = [each.removesuffix(" with BuildKit") for each in notes(Path(engine.client))]
    assert asked[:3] == [f"pull --quiet {remote}", f"tag {remote} {tag}", f"image rm {remote}"]
    recipe.stop()
    assert f"image rm {tag}" in "\n".join(notes(Path(engine.client)))


def test_without_buildah(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="buildah is missing: apt-get install buildah"):
        find_buildah()
