"""Set up what `./pants` and the official launcher need on this machine.

`lib.sh` runs this folder with CPython 3.12 (nothing but the standard library, and the pip that
comes with it) whenever an input of the set-up has changed. The inputs come on standard input; the
result is a file of settings (saved_settings.py). Everything that is installed is locked by hash and
fetched as the machine's own pip settings say. What is done already is not done again, and a set-up
that was cut off half-way is repaired by the next one.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from environment import Environment, build_environment, environment_for, pip_of
from errors import BootstrapError, say, stage, unwritable
from index import path_mapping
from network import Network, network_for, write_for_pex
from pip_runs import Pip
from pip_settings import PipSettings, bundled_pip, read_pip_settings
from private_files import private_directory, write_atomically
from saved_settings import render
from tools import LINT_TOOLS, PEX, ensure_tool, goals_that_lint, pin_of, read_toml, tool_path

# How long a file that may hold a password is kept since it was written; a start that misses one
# makes it again.
_KEEP_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Start:
    """One call of the launcher.

    Attributes:
        root: the repository.
        state: where what is set up lives. Its folder `private` may hold passwords.
        words: the command line that Pants will get.
    """

    root: Path
    state: Path
    python39: str
    python312: str
    words: tuple[str, ...]

    @property
    def private(self) -> Path:
        return private_directory(self.state / "private")


def extra_config_files(words: Sequence[str]) -> list[str]:
    """The configuration files that Pants is told to read after pants.toml."""
    option = "--pants-config-files="
    values = [os.environ.get("PANTS_CONFIG_FILES", "")]
    values += [word.removeprefix(option) for word in words if word.startswith(option)]
    # One path, or lists of paths as Pants's list options are written.
    return [
        name
        for value in values
        for name in (re.findall(r"""["']([^"']+)["']""", value) if "[" in value else [value])
        if name
    ]


def python_repos(state: Path, pip: Pip, configured: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Where Pants finds packages, except for what its `configured` options say already."""
    if pip.settings.index is not None and "indexes" not in configured:
        yield "PANTS_PYTHON_REPOS_INDEXES", json.dumps([pip.settings.index])
    name = "PANTS_PYTHON_REPOS_PATH_MAPPINGS"
    if name not in os.environ and "path_mappings" not in configured:
        yield name, json.dumps([f"PYPI_FILES|{path_mapping(state, pip)}"])


def network_exports(network: Network, settings: PipSettings) -> Iterator[tuple[str, str]]:
    """For downloads of plugins, which read the environment of Pants itself."""
    yield from network.variables.items()
    if settings.timeout:
        yield "PIP_DEFAULT_TIMEOUT", settings.timeout
    if settings.retries:
        yield "PIP_RETRIES", settings.retries


def pants_directories(state: Path, configured: Mapping[str, Any]) -> dict[str, str]:
    """Where Pants keeps its caches, by option: below the build cache or beside it."""
    cache = os.environ.get("XDG_CACHE_HOME") or (
        os.path.join(os.environ["HOME"], ".cache") if os.environ.get("HOME") else None
    )
    place = state / "pants"
    if cache is not None and not os.environ.get("QINGKONG_BUILD_CACHE"):
        own = Path(cache, "pants")
        with contextlib.suppress(OSError):
            own.mkdir(parents=True, exist_ok=True)
            if os.access(own, os.W_OK):
                place = own
    default = {"local_store_dir": place / "lmdb_store", "named_caches_dir": place / "named_caches"}
    found = {
        name: os.environ.get(f"PANTS_{name.upper()}") or str(configured.get(name, path))
        for name, path in default.items()
    }
    if re.search(r"\s", found["named_caches_dir"]):
        # Programs of pex start with `#!` and the path of their interpreter, which is in there.
        raise BootstrapError(
            "programs cannot be started from a path with a space",
            where="named_caches_dir of Pants",
            value=found["named_caches_dir"],
            fix="name a directory without one for all caches: QINGKONG_BUILD_CACHE=/var/tmp/build",
        )
    return found


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """One set-up at a time; the kernel lets go of the lock whatever becomes of its holders.

    They are this process and those that it starts: a pip that outlives it still writes.
    """
    with (state / "lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another start that is setting things up")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def scratch_in(state: Path) -> Iterator[Path]:
    """A folder for temporary files of this process and of those that it starts.

    Not the system's: what an interrupted start left is removed by the next one, and there is one
    place less that may be full.
    """
    scratch = state / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    for left in (state / "private").glob(".*"):
        left.unlink(missing_ok=True)
    scratch.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(scratch)
    try:
        yield scratch
    finally:
        tempfile.tempdir = before
        shutil.rmtree(scratch, ignore_errors=True)


def say_what_is_ignored(settings: PipSettings) -> None:
    if settings.ignored:
        listed = "; ".join(f"{name} ({reason})" for name, reason in settings.ignored.items())
        say(f"pip settings that a build does not use: {listed}")
    if settings.trusted_host:
        say(
            f"trusted-host={settings.trusted_host} of pip's settings is used for plain HTTP only: "
            "pex always checks certificates (name them with cert)"
        )
    if settings.client_cert:
        say("client-cert of pip's settings is used to set up Pants only: pex ignores it")


def set_up(start: Start, environment: Environment, bundled: Path, pip: Pip) -> list[str]:
    """Make what is missing; returns the files of the linters, which only some starts need."""
    config = read_toml(start.root / "pants.toml")
    pins = {
        tool: pin
        for tool in (PEX, *LINT_TOOLS)
        if tool.url_variable not in os.environ and (pin := pin_of(tool, config)) is not None
    }
    # The pex tool needs nothing of Pants, and its own pip is enough to get it.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = Pip((start.python39, "-I", str(bundled / "pip")), pip.settings, pip.network)
        jobs = []
        if PEX in pins:
            jobs.append(
                pool.submit(ensure_tool, start.state, PEX, pins[PEX], first, start.python39)
            )
        if not environment.stamp.exists():
            with stage(f"setting up Pants in {environment.path} (once)"):
                build_environment(environment, start.python39, bundled, pip)
        for job in jobs:
            job.result()
    # Linters are fetched by the first start that runs them: no other start may need the
    # network for them.
    if goals_that_lint(config).intersection(start.words):
        for tool in LINT_TOOLS:
            if tool in pins:
                locked_pip = pip_of(environment, pip)
                ensure_tool(start.state, tool, pins[tool], locked_pip, start.python39)
    return [str(tool_path(start.state, tool, pins[tool])) for tool in LINT_TOOLS if tool in pins]


def bootstrap(start: Start, inputs: str) -> str:
    """Set up what is missing; returns the settings."""
    config = read_toml(start.root / "pants.toml")
    environment = environment_for(start.state, start.python39)
    configs = [config, *(read_toml(start.root / name) for name in extra_config_files(start.words))]
    repos = frozenset(option for each in configs for option in each.get("python-repos", {}))
    globally = {name: value for each in configs for name, value in each.get("GLOBAL", {}).items()}
    with locked(start.state), scratch_in(start.state) as scratch:
        bundled = bundled_pip(scratch)
        settings = read_pip_settings(bundled)
        say_what_is_ignored(settings)
        network = network_for(start.private, settings)
        pip = Pip((), settings, network)
        reused = environment.stamp.exists()
        lint_files = set_up(start, environment, bundled, pip)
        exports = [
            (tool.url_variable, "file://" + quote(str(tool_path(start.state, tool, pin))))
            for tool in (PEX, *LINT_TOOLS)
            if tool.url_variable not in os.environ and (pin := pin_of(tool, config)) is not None
        ]
        exports += python_repos(start.state, pip_of(environment, pip), repos)
        exports += network_exports(network, settings)
        directories = pants_directories(start.state, globally)
        exports += [
            (f"PANTS_{name.upper()}", value)
            for name, value in directories.items()
            if name not in globally
        ]
        search_path = json.dumps([start.python312, start.python39])
        exports.append(("PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH", search_path))
        named_caches = Path(directories["named_caches_dir"])
        pointer = write_for_pex(named_caches, start.private, network, settings)
    if reused:
        say(f"using what is set up in {start.state}, and caches in {named_caches.parent}")
    pex = next((value for name, value in exports if name == PEX.url_variable), "")
    needed = [str(path) for path in (environment.python, environment.server, environment.client)]
    needed += [pex.removeprefix("file://")] if pex else []
    needed += [pointer.read_text(encoding="utf-8").strip()]
    needed += [str(network.netrc)] if network.netrc else []
    variables = {
        "launcher_client": str(environment.client),
        "launcher_server": str(environment.server),
        "launcher_needed": "\n".join(needed),
        "launcher_lint_files": "\n".join(lint_files),
        "launcher_lint_words": " ".join(sorted(goals_that_lint(config))),
    }
    watched = (*settings.files, *network.watched, pointer)
    return render(inputs, variables.items(), exports, watched)


def forget_old_files(start: Start) -> None:
    """Passwords that are out of use stay for a while only: other clones may be using them."""
    # Where settings were before they were data.
    with contextlib.suppress(OSError):
        (start.root / ".cache" / "bootstrap-settings").unlink()
    oldest = time.time() - _KEEP_SECONDS
    for file in start.private.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_mtime < oldest:
                file.unlink()


def fail(message: str, code: int = 1) -> NoReturn:
    say(message)
    sys.exit(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--settings", type=Path, required=True, help="the file to write")
    parser.add_argument("--python39", required=True)
    parser.add_argument("--python312", required=True)
    parser.add_argument("words", nargs="*", help="the command line that Pants will get")
    options = parser.parse_args()
    start = Start(
        options.root, options.state, options.python39, options.python312, tuple(options.words)
    )
    os.umask(0o022)
    inputs = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    try:
        text = bootstrap(start, inputs)
        # An index address may hold a password: the file is for its owner only.
        write_atomically(options.settings, text)
        forget_old_files(start)
    except BootstrapError as error:
        fail(error.message)
    except KeyboardInterrupt:
        fail("interrupted; the next start goes on from here", 130)
    except OSError as error:
        # The caches of Pants are the only other place that a set-up writes to.
        place = Path(os.fsdecode(error.filename or options.state))
        inside = options.state in (place, *place.parents)
        fail(
            unwritable(
                "the set-up could not write or run a file",
                where=str(place),
                value=str(error.strerror or error),
                option="QINGKONG_BUILD_CACHE" if inside else "PANTS_NAMED_CACHES_DIR",
            ).message
        )


if __name__ == "__main__":
    main()
