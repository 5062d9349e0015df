"""A requirement is bumped by docs/upgrades.md, in a clone with few of them."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from image.clone import Clone, clone
from image.commands import run
from pages import read_sections

pytestmark = pytest.mark.timeout(600)

SECTIONS = read_sections(Path("docs/upgrades.md"))
PRODUCTION = "3rdparty/prod/requirements.txt"
#: Two releases of it do for all else here.
OLD, NEW = "aiosqlite==0.21.0", "aiosqlite==0.22.1"
LAYERS = {"bumped": ["aiosqlite"], "rest": ["click"]}


class Reader:
    """Someone who follows the page in a clone."""

    def __init__(self, tree: Clone) -> None:
        self.tree = tree

    def follow(self, title: str, **variables: str) -> str:
        """Run the commands of a section; returns what they print."""
        script = SECTIONS[title].script
        environment = {**self.tree.variables, **variables}
        return run(["bash", "-euo", "pipefail", "-c", script], self.tree.root, environment).output

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        return run(["git", *who, *words], self.tree.root).output

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")

    def write(self, path: str, text: str) -> None:
        (self.tree.root / path).write_text(text, encoding="utf-8")

    def layers(self) -> dict[str, bytes]:
        """The bytes of the layers with what was locked."""
        self.tree.pants("package", *(f"upgrades:{name}" for name in LAYERS))
        dist = self.tree.root / "dist/upgrades"
        return {name: (dist / f"{name}.tar").read_bytes() for name in LAYERS}

    def distributions(self, name: str) -> set[str]:
        """What a layer has."""
        with tarfile.open(self.tree.root / f"dist/upgrades/{name}.tar") as tar:
            return {
                Path(member.name).parent.name
                for member in tar
                if member.name.endswith(".dist-info/METADATA")
            }


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    python39 = os.environ.get("PANTS_PYTHON39")
    path = os.environ["PATH"] + os.pathsep + "/usr/local/bin:/usr/bin:/bin"
    if python39:
        path = f"{Path(python39).parent}{os.pathsep}{path}"
    tree = clone(Path.cwd(), tmp_path_factory.mktemp("upgrade") / "clone", {"PATH": path})
    reader = Reader(tree)
    try:
        if not (tree.root / ".git").exists():
            reader.git("init", "--quiet", "--initial-branch=main")
        reader.write(PRODUCTION, f"{OLD}\nclick>=8\n")
        reader.write("3rdparty/dev/requirements.txt", "packaging\n")
        reader.write(
            "3rdparty/prod/BUILD", 'python_requirements(resolve=parametrize("prod", "dev"))'
        )
        (tree.root / "upgrades").mkdir()
        fields = (
            f'requirements_layer(name="{name}", resolve="prod", path="/site", '
            f"distributions={json.dumps(distributions)})\n"
            for name, distributions in LAYERS.items()
        )
        reader.write("upgrades/BUILD", "".join(fields))
        reader.commit()
        yield reader
    finally:
        tree.stop()


def test_from_the_requirement_to_its_layer(reader: Reader) -> None:
    said = reader.follow("Everything that has a newer release")
    # From all that the framework needs to two.
    assert "removed" in said
    reader.commit()
    before = reader.layers()
    assert reader.distributions("bumped") == {"aiosqlite-0.21.0.dist-info"}
    reader.git("branch", "--force", "base")
    reader.git("update-ref", "refs/remotes/origin/main", "base")

    said = reader.follow("A requirement", EDITOR=f"sed -i s/^{OLD}$/{NEW}/")
    assert "prod (3rdparty/prod.lock): 1 upgraded\n" in said
    assert "dev (3rdparty/dev.lock): 1 upgraded\n" in said
    (row,) = (line for line in said.splitlines() if " kB -> " in line)
    assert row.split()[:4] == ["aiosqlite", "0.21.0", "->", "0.22.1"]
    assert row.endswith("MIT License")
    assert "Known vulnerabilities: " in said
    changed = reader.git("diff", "--name-only", "--", "3rdparty").split()
    assert changed == ["3rdparty/dev.lock", "3rdparty/prod.lock", PRODUCTION]

    after = reader.layers()
    assert reader.distributions("bumped") == {"aiosqlite-0.22.1.dist-info"}
    assert {name for name in LAYERS if before[name] != after[name]} == {"bumped"}

    reader.commit()
    assert "aiosqlite  0.21.0 -> 0.22.1" in reader.follow("A branch of somebody else")
    # Nothing is left to do.
    reader.follow("By Renovate or Dependabot")
    assert reader.git("status", "--porcelain") == ""


def test_lists_of_the_launcher_and_files_that_name_a_python(reader: Reader) -> None:
    said = reader.follow("Python").split()
    assert {"pants.toml", "deploy/BUILD", "build-support/setup/python.sh"} <= set(said)
