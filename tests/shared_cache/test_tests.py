"""Tests that one machine has run are not run by another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_cache.machines import Machine
from shared_cache.servers import CacheServer, cache_server

from measuring.commands import run

# One of the sources and one of a plugin, which have other interpreters and resolves.
TESTS = (
    "tests/unit/common/test_project_settings.py",
    "pants-plugins/qingkong_build/native_wheel/module_mapping_test.py",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CacheServer]:
    with cache_server(tmp_path / "server") as running:
        yield running


def of_launcher(machine: Machine, name: str) -> str:
    """A variable that the launcher has for Pants."""
    script = f'source ./.pants.bootstrap --version >&2; printf %s "${name}"'
    tree = machine.tree
    return run(["bash", "-euo", "pipefail", "-c", script], tree.root, tree.variables).output


def test_another_caller_runs_no_test_again(server: CacheServer, tmp_path: Path) -> None:
    address = f"grpc://{server.address}"
    first = Machine.make(tmp_path / "first", address, PANTS_REMOTE_CACHE_WRITE="true")
    first.run("test", *TESTS)
    counters = first.counters
    assert counters["remote_cache_requests_uncached"] == counters["remote_cache_requests"] > 5
    assert counters["remote_cache_write_successes"] == counters["remote_cache_requests"]

    second = Machine.make(tmp_path / "another" / "place", address)
    home = tmp_path / "home"
    home.mkdir()
    # The launcher's own installation is no part of the cache; pip's settings are the machine's.
    settings = Path(second.tree.variables["HOME"], ".config", "pip", "pip.conf")
    if settings.exists():
        second.tree.variables.setdefault("PIP_CONFIG_FILE", str(settings))
    second.tree.variables.update(
        QINGKONG_BUILD_CACHE=of_launcher(second, "launcher_state"),
        HOME=str(home),
        LANG="xx_XX.UTF-8",
        LC_ALL="yy_YY.ISO-8859-1",
        TZ="XYZ3",
        PATH=os.pathsep.join([str(home), second.tree.variables["PATH"]]),
    )
    second.umask = "077"
    done = second.run("test", *TESTS)
    second.assert_nothing_was_run(first)
    assert done.errors.count(" - succeeded") == 0
    assert done.errors.count("cached remotely") == len(TESTS)
