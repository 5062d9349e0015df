"""Machines to try the scripts on: a copy of them in a directory, and programs of our own on PATH.

Installing packages cannot be done in a test. What stands in for it here are the programs that the
scripts call (`id`, `apt-get`, `docker` and the like), each writing its arguments to a log; the
scripts themselves are the real ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PARTS = ("build-support/setup", "build-support/bootstrap", "deploy/base")
# What the scripts use of any Unix; a machine has these even where everything else is missing.
UNIX = (
    *("awk", "bash", "cat", "cut", "dirname", "env", "find", "flock", "grep", "head", "mkdir"),
    *("mktemp", "mv", "rm", "sed", "sh", "sha256sum", "sleep", "sort", "tail", "timeout", "tr"),
    *("uname",),
)
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux"\nID=debian\nVERSION_CODENAME=bookworm\n'
FEDORA = 'NAME="Fedora Linux"\nID=fedora\n'

# An engine with images, and a registry behind it, each a list in a file.
DOCKER = """
case $1 in
  version)
    # One engine answers everybody, or those alone who name its address.
    [ ! -e "$STATE/down" ] || exit 1
    [ ! -e "$STATE/address" ] || [ "$DOCKER_HOST" = "$(cat "$STATE/address")" ] || exit 1
    echo 1.0
    ;;
  image)
    case $2 in
      inspect)
        for last; do :; done
        grep -qxF "$last" "$STATE/images" || exit 1
        [ "$3" != -f ] || cat "$STATE/key"
        ;;
    esac
    ;;
  pull)
    [ ! -e "$STATE/silent" ] || exec sleep 60
    if grep -qxF "$2" "$STATE/registry"; then
      echo "Pulling from somewhere"
      echo "$2" >>"$STATE/images"
    else
      cat "$STATE/answer" >&2
      exit 1
    fi
    ;;
esac
"""


@dataclass
class Machine:
    """A copy of the scripts in `repo`, run with nothing but `path` on PATH."""

    home: Path
    os_release: str = DEBIAN
    uid: int = 1000
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.repo = self.home / "repo"
        self.path = self.home / "bin"
        self.state = self.home / "state"
        self.log = self.home / "log"
        for part in PARTS:
            shutil.copytree(part, self.repo / part)
        chooser = Path("pants-plugins/qingkong_build/oci/engine/address.py")
        (self.repo / chooser).parent.mkdir(parents=True)
        shutil.copyfile(chooser, self.repo / chooser)
        self.path.mkdir()
        self.state.mkdir()
        self.log.touch()
        for name in ("images", "registry", "key", "answer"):
            (self.state / name).touch()
        (self.home / "os-release").write_text(self.os_release, encoding="utf-8")
        for name in UNIX:
            program = shutil.which(name)
            assert program is not None, f"this machine has no {name}"
            (self.path / name).symlink_to(program)
        self.program("id", f"echo {self.uid}")

    def program(self, name: str, script: str = "") -> None:
        """Put a program on PATH that logs how it was called."""
        file = self.path / name
        file.write_text(
            f'#!/bin/sh\nSTATE={self.state}\necho "{name} $*" >>{self.log}\n{script}\n',
            encoding="utf-8",
        )
        file.chmod(0o755)

    def with_engine(self) -> Machine:
        self.program("docker", DOCKER)
        return self

    def with_python(self) -> Machine:
        self.variables["PANTS_PYTHON312"] = sys.executable
        return self

    def says(self, name: str, text: str) -> None:
        """Set what the engine knows: `images`, `registry`, `key`, or its `answer` to a pull."""
        (self.state / name).write_text(text + "\n", encoding="utf-8")

    def calls(self, program: str) -> list[str]:
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.startswith(program)]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": str(self.path),
            "HOME": str(self.home),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "SETUP_OS_RELEASE": str(self.home / "os-release"),
            "SETUP_SBIN": str(self.home / "sbin"),
            "SETUP_DOCKER_SOCKET": str(self.home / "docker.sock"),
            **self.variables,
        }

    def popen(self, *command: str) -> subprocess.Popen[str]:
        """Start a script as the foreground of a terminal would."""
        return subprocess.Popen(
            [str(self.repo / command[0]), *command[1:]],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self, *command: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.repo / command[0]), *command[1:]],
            env={**self.environment(), **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def setup(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.run("build-support/setup/setup.sh", *arguments, env=env)

    def ensure_base(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.run("deploy/base/ensure.sh", *arguments, env=env)

    @property
    def base_image(self) -> str | None:
        """The base image that the launcher would read."""
        file = self.repo / ".cache/base-image"
        return file.read_text(encoding="utf-8") if file.exists() else None
