"""A requirement is bumped by docs/upgrades.md, in a clone with few of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from pages import read_sections

pytestmark = pytest.mark.timeout(800)

SECTIONS = read_sections(Path("docs/upgrades.md"))
PRODUCTION = "3rdparty/prod/requirements.txt"
#: Two releases of it do for all else here.
OLD, NEW = "aiosqlite==0.20.0", "aiosqlite==0.21.0"
#: What that needs, too. There is a newer one, and nothing holds it back when this line goes.
KEPT = "typing-extensions==4.15.0"
# What the Pants that runs this test was told: the one of the clone finds it out itself.
_OF_THE_OUTER_PANTS = re.compile(r"_?PANTS_(?!PYTHON\d)|PEX_|CHROOT$|VIRTUAL_ENV$|PYTHON|PYTEST")
#: The fields of layers, by name.
LAYERS = {"bumped": 'distributions=["aiosqlite"]', "rest": ""}


@dataclass(frozen=True)
class Reader:
    """Someone who follows the page in a clone."""

    root: Path
    environment: dict[str, str]

    def run(self, *command: str, **variables: str) -> str:
        """Run a command in the clone; returns what it prints."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (
            f"{command} exited {done.returncode}:\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    def follow(self, title: str, **variables: str) -> str:
        """Run the commands of a section."""
        return self.run("bash", "-euo", "pipefail", "-c", SECTIONS[title].script, **variables)

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        return self.run("git", *who, *words)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")

    def layers(self) -> dict[str, bytes]:
        """The bytes of the layers with what was locked."""
        self.run("./pants", "package", *(f"upgrades:{name}" for name in LAYERS))
        dist = self.root / "dist/upgrades"
        return {name: (dist / f"{name}.tar").read_bytes() for name in LAYERS}

    def distributions(self, name: str) -> set[str]:
        """What a layer has."""
        with tarfile.open(self.root / f"dist/upgrades/{name}.tar") as tar:
            return {
                Path(member.name).parent.name
                for member in tar
                if member.name.endswith(".dist-info/METADATA")
            }

    def stop(self) -> None:
        """End the daemon of Pants."""
        for file in (self.root / ".pids").glob("*/pantsd/pid"):
            with suppress(OSError, ValueError):
                os.kill(int(file.read_text(encoding="utf-8")), signal.SIGTERM)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    root = tmp_path_factory.mktemp("upgrade") / "clone"
    ignored = shutil.ignore_patterns("__pycache__", ".git", "dist", ".p*d*")
    shutil.copytree(Path.cwd(), root, ignore=ignored, symlinks=True)
    inherited = {k: v for k, v in os.environ.items() if not _OF_THE_OUTER_PANTS.match(k)}
    path = os.pathsep.join([os.environ["PATH"], "/usr/local/bin", "/usr/bin", "/bin"])
    reader = Reader(root, {**inherited, "PATH": path})
    try:
        reader.git("init", "--quiet", "--initial-branch=main")
        reader.write(PRODUCTION, f"{OLD}\nclick>=8\n{KEPT}\n")
        reader.write("3rdparty/dev/requirements.txt", "packaging\n")
        reader.write(
            "3rdparty/prod/BUILD", 'python_requirements(resolve=parametrize("prod", "dev"))'
        )
        (root / "upgrades").mkdir()
        fields = (
            f'requirements_layer(name="{name}", resolve="prod", path="/site", {more})\n'
            for name, more in LAYERS.items()
        )
        reader.write("upgrades/BUILD", "".join(fields))
        reader.commit()
        yield reader
    finally:
        reader.stop()


def test_from_the_requirement_to_its_layer(reader: Reader) -> None:
    said = reader.follow("Everything that has a newer release")
    # From all that the framework needs to two.
    assert "removed" in said
    reader.commit()
    before = reader.layers()
    assert reader.distributions("bumped") == {"aiosqlite-0.20.0.dist-info"}
    reader.git("branch", "--force", "base")
    reader.git("update-ref", "refs/remotes/origin/main", "base")

    edit = f"sed -i -e s/^{OLD}$/{NEW}/ -e /^{KEPT}$/d"
    said = reader.follow("A requirement", EDITOR=edit)
    assert "prod (3rdparty/prod.lock): 1 upgraded\n" in said, said
    assert "dev (3rdparty/dev.lock): 1 upgraded\n" in said, said
    (row,) = (line for line in said.splitlines() if " kB -> " in line)
    assert row.split()[:4] == ["aiosqlite", "0.20.0", "->", "0.21.0"]
    assert row.endswith("MIT License")
    assert "Known vulnerabilities: " in said
    changed = reader.git("diff", "--name-only", "--", "3rdparty").split()
    assert changed == ["3rdparty/dev.lock", "3rdparty/prod.lock", PRODUCTION]

    after = reader.layers()
    assert reader.distributions("bumped") == {"aiosqlite-0.21.0.dist-info"}
    assert {name for name in LAYERS if before[name] != after[name]} == {"bumped"}

    reader.commit()
    assert "aiosqlite  0.20.0 -> 0.21.0" in reader.follow("A branch of somebody else")
    # Nothing is left to do.
    reader.follow("By Renovate or Dependabot")
    assert reader.git("status", "--porcelain") == ""


def test_files_that_name_a_python(reader: Reader) -> None:
    said = reader.follow("Python").split()
    assert {"pants.toml", "deploy/BUILD", "build-support/setup/python.sh"} <= set(said)
