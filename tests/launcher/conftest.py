"""Machines to try the launcher on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.machines import (
    NETWORK,
    Index,
    Interpreters,
    Machine,
    Outcome,
    Ready,
    RealStart,
    make_machine,
    serve,
    with_stand_in,
)


@pytest.fixture(scope="session")
def interpreters() -> Interpreters:
    """The machine's own, found by the launcher itself."""
    found: list[str] = []
    for version, variable in (("3.9", "PANTS_PYTHON39"), ("3.12", "PANTS_PYTHON312")):
        done = subprocess.run(
            [
                *("bash", "-euo", "pipefail", "-c"),
                (
                    "launcher_root=$PWD; source build-support/bootstrap/lib.sh;"
                    f' launcher_find_python {version} {variable}; echo "$launcher_python"'
                ),
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.strip())
    return Interpreters(*found)


@pytest.fixture
def index() -> Iterator[Index]:
    yield from serve()


@pytest.fixture
def machine(tmp_path: Path, interpreters: Interpreters, index: Index) -> Machine:
    """A machine on which nothing is set up."""
    return with_stand_in(make_machine(tmp_path, interpreters), index)


@pytest.fixture(scope="session")
def first_starts(
    tmp_path_factory: pytest.TempPathFactory, interpreters: Interpreters
) -> Iterator[Ready]:
    """A machine on which two first starts came at the same time."""
    serving = serve()
    index = next(serving)
    machine = with_stand_in(make_machine(tmp_path_factory.mktemp("ready"), interpreters), index)
    both = [machine.popen("list"), machine.popen("list")]
    outcomes = [process.communicate(timeout=240) for process in both]
    one, two = (
        Outcome(process.returncode, *texts) for process, texts in zip(both, outcomes, strict=True)
    )
    yield Ready(machine, index, (one, two))
    next(serving, None)


@pytest.fixture
def ready(first_starts: Ready, tmp_path: Path) -> Machine:
    """A machine on which everything is set up, with a repository of its own to change."""
    root = tmp_path / "other repository"
    shutil.copytree(first_starts.machine.root, root, symlinks=True)
    return Machine(root, dict(first_starts.machine.environment))


@pytest.fixture(scope="session", autouse=True)
def early_start(request: pytest.FixtureRequest) -> None:
    """Has the real Pants set up while other tests run: it takes as long as all of them."""
    if any("real_start" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("real_start")


@pytest.fixture(scope="session")
def real_start(
    tmp_path_factory: pytest.TempPathFactory, interpreters: Interpreters
) -> Iterator[RealStart]:
    """The real Pants, being set up."""
    machine = make_machine(tmp_path_factory.mktemp("real"), interpreters)
    shutil.copy2("pants.toml", machine.pants_toml)
    for name, value in os.environ.items():
        if name in NETWORK or name.startswith("PIP_"):
            machine.environment[name] = value
    cache = Path(os.environ.get("HOME", os.devnull), ".cache", "pip")
    if cache.is_dir():
        machine.environment.setdefault("PIP_CACHE_DIR", str(cache))
    # Images of Python that many CI systems start from set it.
    machine.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    # None of the backends of pants.toml: what their sections mean is not looked at then.
    machine.environment.update(PANTS_BACKEND_PACKAGES="[]", PANTS_VERIFY_CONFIG="false")
    started = RealStart(machine, machine.popen("--no-pantsd", "--version"))
    yield started
    started.process.kill()
    # Much larger than what pytest is meant to keep for a look afterwards.
    shutil.rmtree(machine.environment["HOME"], ignore_errors=True)
