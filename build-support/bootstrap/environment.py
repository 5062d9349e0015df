"""Pants in an environment of its own, locked by hash, from the package index of this machine."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import NO_ROOM, BootstrapError, unwritable
from pip_runs import HERE, Pip, install_arguments
from private_files import write_atomically

INSTALLER_LOCK = "installer.requirements.txt"
PANTS_LOCK = "pants.requirements.txt"
# About what they download, in bytes.
_INSTALLER_SIZE = 4_000_000
_PANTS_SIZE = 120_000_000
# What the environment runs beside what the lists install.
_SERVER_PROGRAM = "pants_server.py"
_PATCHES = (
    *("pants_cache.py", "pants_daemon_start.py", "pants_disk.py", "pants_dist.py"),
    *("pants_graph.py", "pants_memory.py", "pants_missing.py", "pants_patches.py"),
    *("pants_rules.py", "pants_scopes.py"),
)


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds Pants."""

    path: Path

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        return self.path / "lib" / "python3.9" / "site-packages"

    @property
    def stamp(self) -> Path:
        return self.path / "complete"

    @property
    def server(self) -> Path:
        """The program of Pants, which the native client starts where no daemon runs."""
        return self.path / "bin" / "pants-server"

    @property
    def client(self) -> Path:
        """What starts Pants: the native client where it runs, else the Python program."""
        return self.path / self.stamp.read_text().strip()


def environment_for(state: Path, python39: str) -> Environment:
    """Its name carries all that it is made of: another lock or interpreter is another one."""
    version = subprocess.run(
        [python39, "-I", "-c", "import sys; print(sys.version)"], capture_output=True, text=True
    ).stdout
    key = hashlib.sha256(f"{_SERVER}\n{python39}\n{version}\n".encode())
    for name in (INSTALLER_LOCK, PANTS_LOCK, _SERVER_PROGRAM, *_PATCHES):
        key.update((HERE / name).read_bytes())
    return Environment(state / f"pants-{key.hexdigest()[:16]}")


def build_environment(
    environment: Environment, python39: str, bundled_pip: Path, pip_settings: Pip
) -> None:
    # Scripts and pip's records hold absolute paths, so it is built where it stays. What an
    # interrupted start left has no stamp, and goes.
    shutil.rmtree(environment.path, ignore_errors=True)
    made = subprocess.run(
        [python39, "-I", "-m", "venv", "--without-pip", str(environment.path)],
        capture_output=True,
        text=True,
        close_fds=False,
    )
    if made.returncode != 0:
        lines = (made.stderr or made.stdout).strip().splitlines() or ["no output"]
        if NO_ROOM.search(made.stderr + made.stdout):
            raise unwritable(
                "setting up Pants needs more room",
                where=str(environment.path),
                value=lines[-1][:200],
                option="QINGKONG_BUILD_CACHE",
            )
        raise BootstrapError(
            "CPython 3.9 could not make a virtual environment",
            where=str(environment.path),
            value=lines[-1][:200],
            fix=f"check that {python39} -m venv works",
        )
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        # The first list brings the pip that installs the second.
        python = str(environment.python)
        bundled = _with_command(pip_settings, python, "-I", str(bundled_pip / "pip"))
        _install(bundled, INSTALLER_LOCK, 1, _INSTALLER_SIZE, scratch)
        _install(pip_of(environment, pip_settings), PANTS_LOCK, 2, _PANTS_SIZE, scratch)
    _write_server(environment, python39)
    client = _native_client(environment) or environment.server
    # Last, and whole or not at all.
    write_atomically(environment.stamp, f"{client.relative_to(environment.path)}\n")


def pip_of(environment: Environment, pip: Pip) -> Pip:
    """The same pip settings with the locked pip of `environment`."""
    return _with_command(pip, str(environment.python), "-I", "-m", "pip")


def _with_command(pip: Pip, *command: str) -> Pip:
    return Pip(command, pip.settings, pip.network)


def _install(pip: Pip, lock: str, processes: int, size: int, scratch: Path) -> None:
    """Install a list, shared out to several pips at once: most of their time is unpacking."""
    shares = _shares(locked_requirements((HERE / lock).read_text()), processes)
    running = []
    try:
        for number, share in enumerate(shares):
            folder = scratch / f"{lock}-{number}"
            folder.mkdir()
            running.append(pip.start(*install_arguments(share, folder)))
        for process in running:
            pip.finish(process, what="setting up Pants", lock=lock, size=size)
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()


def locked_requirements(text: str) -> list[str]:
    """The requirements of a list, each with its hashes."""
    return [match[0].rstrip() for match in re.finditer(r"^\S+==.*(?:\n .*)*", text, re.M)]


def _shares(requirements: Sequence[str], count: int) -> list[list[str]]:
    """Pants itself is as large as all the others together."""
    if count == 1:
        return [list(requirements)]
    large = [each for each in requirements if each.startswith("pantsbuild.pants==")]
    rest = [each for each in requirements if each not in large]
    return [share for share in (large, rest) if share]


# Read by the shell, which starts Python with it, and by Python, for which the first lines are a
# text. Pants starts its daemon and its pex processes with the interpreter that it runs on, and that
# path is part of their keys: so it is the interpreter itself, and not the environment's link to
# it, which is in the home directory of one user.
_SERVER = """\
#!/bin/sh
''':'
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX
PYTHONUTF8=1
export PYTHONUTF8
exec '{python}' -s "$0" "$@"
'''
{program}"""


def _write_server(environment: Environment, python39: str) -> None:
    if "'" in python39 or "\\" in python39:
        raise BootstrapError(
            "the path of CPython 3.9 has a quote or a backslash",
            where="PANTS_PYTHON39, or where CPython 3.9 was found",
            value=python39,
            fix="name another CPython 3.9 with PANTS_PYTHON39",
        )
    program = (HERE / _SERVER_PROGRAM).read_text()
    environment.server.write_text(_SERVER.format(python=python39, program=program))
    environment.server.chmod(0o755)
    for name in _PATCHES:
        shutil.copyfile(HERE / name, environment.path / "bin" / name)


def _native_client(environment: Environment) -> Path | None:
    """The native client, if this machine can run it."""
    client = environment.site_packages / "pants" / "bin" / "native_client"
    if not client.exists():
        return None
    client.chmod(0o755)
    # Told of no server to fall back to, and in a place that is no build root, a client that
    # runs at all exits with EX_TEMPFAIL.
    with tempfile.TemporaryDirectory() as nowhere, contextlib.suppress(OSError):
        if subprocess.run([client], cwd=nowhere, env={}, capture_output=True).returncode == 75:
            return client
    return None
