"""A repository of somebody else, with Pants as pip installs it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adoption.base import write_base
from pages import Section

#: An archive with the wheel of the plugins.
PLUGINS = Path("plugins.tar")
# Of one command. A busy machine is several times slower than a quiet one.
PATIENCE_SECONDS = 800
_VERSION = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_path('include'))"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class Python:
    """An interpreter of this machine, of the minor version `version`."""

    path: Path
    version: str


def find_python(version: str, *, headers: bool = False) -> Python | None:
    """The first interpreter of `version`: named by a variable, installed by pyenv, or on PATH.

    With `headers`, the first that has `Python.h`.

    The launcher's own search (build-support/bootstrap/lib.sh) does not go on to one with headers.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path(os.environ["HOME"], ".pyenv"))
    candidates = [os.environ.get(f"PANTS_PYTHON{version.replace('.', '')}")]
    candidates += sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python{version}")))
    path = f"{os.environ['PATH']}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin"
    candidates.append(shutil.which(f"python{version}", path=path))
    for candidate in filter(None, candidates):
        with contextlib.suppress(OSError):
            told = subprocess.run([candidate, "-c", _VERSION], capture_output=True, text=True)
            major, minor, include = (told.stdout.strip() or "0 0 -").split(" ", 2)
            if f"{major}.{minor}" == version and (
                not headers or Path(include, "Python.h").exists()
            ):
                return Python(Path(candidate), version)
    return None


@dataclass(frozen=True)
class Pants:
    """Pants in a virtual environment, and what this machine sets for every repository.

    Attributes:
        programs: the environment's directory of programs.
        settings: variables.
    """

    programs: Path
    settings: dict[str, str]

    @classmethod
    def install(cls, directory: Path, python: Python, version: str) -> Pants:
        """Install it from the index that pip is set to."""
        # `-I`: what the test's own process imports is not installed there.
        subprocess.run([python.path, "-I", "-m", "venv", directory / "venv"], check=True)
        programs = directory / "venv/bin"
        pip = [str(programs / "python"), "-I", "-m", "pip"]
        subprocess.run([*pip, "install", "--quiet", f"pantsbuild.pants=={version}"], check=True)
        asked = [*pip, "config", "get", "global.index-url"]
        index = (
            os.environ.get("PIP_INDEX_URL")
            or subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        )
        home = directory / "home"
        home.mkdir()
        names = {*_PROXIES, *(name for name in os.environ if name.startswith(("PIP_", "SSL_")))}
        settings = {name: os.environ[name] for name in names if name in os.environ}
        settings |= {"HOME": str(home), "LC_ALL": "C.UTF-8", "NO_SCIE_WARNING": "1"}
        if index:
            settings["PANTS_PYTHON_REPOS_INDEXES"] = json.dumps([index])
        if certificates := os.environ.get("SSL_CERT_FILE"):
            settings["PANTS_CA_CERTS_PATH"] = certificates
        if proxies := [name for name in _PROXIES if name in settings]:
            settings["PANTS_SUBPROCESS_ENVIRONMENT_ENV_VARS"] = f"+{json.dumps(proxies)}"
        return cls(programs, settings)


@dataclass(frozen=True)
class Repository:
    """A directory with what a page says, and nothing else.

    Attributes:
        root: the directory.
        pants: what its commands are run with.
        python: the interpreter of its code.
        base: an OCI layout to make images on.
    """

    root: Path
    pants: Pants
    python: Python
    base: Path

    @classmethod
    def make(
        cls, scratch: Path, name: str, pants: Pants, python: Python, *sections: Section
    ) -> Repository:
        """Write the files of these sections, for code of `python`; run the first one's commands."""
        base, root = scratch / f"base of {name}", scratch / name
        write_base(base, python.path)
        (root / "3rdparty/wheels").mkdir(parents=True)
        with tarfile.open(PLUGINS) as archive:
            archive.extractall(root / "3rdparty/wheels", filter="data")
        repository = cls(root, pants, python, base)
        for section in sections:
            repository._write(section)
        for commands in sections[0].commands:
            for command in commands:
                repository.run(command)
        return repository

    def _write(self, section: Section) -> None:
        for path, text in section.files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("3.12", self.python.version), encoding="utf-8")
        for (path, name), text in section.parts.items():
            file = self.root / path
            whole = file.read_text(encoding="utf-8")
            assert whole.count(f"{name}\n") == 1
            file.write_text(whole.replace(f"{name}\n", f"{name}\n{text}"), encoding="utf-8")

    def run(self, command: str, **variables: str) -> str:
        """Run a command of the page; return its output. Without `variables`, no engine answers."""
        path = [
            str(self.pants.programs),
            str(self.python.path.parent),
            "/usr/local/bin",
            "/usr/bin",
        ]
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=self.root,
            env={
                **self.pants.settings,
                "PATH": os.pathsep.join([*path, "/bin"]),
                "PANTS_SUBPROCESSDIR": str(self._state),
                "PANTS_IMAGE_ASSEMBLY_BASE": f"oci:{self.base}",
                "DOCKER_HOST": f"unix://{self.root}/no-engine.sock",
                **variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        sys.stderr.write(f"$ {command}\n{done.stderr}")
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def _state(self) -> Path:
        return self.root.with_name(f"{self.root.name}.state")

    @contextlib.contextmanager
    def used(self) -> Iterator[Repository]:
        """End the daemon afterwards."""
        try:
            yield self
        finally:
            for file in self._state.rglob("pid"):
                _end(int(file.read_text().split()[0]))


def _end(process: int) -> None:
    deadline = time.monotonic() + 60
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
        while time.monotonic() < deadline:
            os.kill(process, 0)
            time.sleep(0.1)
        os.kill(process, signal.SIGKILL)
