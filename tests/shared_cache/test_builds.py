"""A clone with empty caches builds nothing that another one has built with the cache server."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from shared_cache.servers import CacheServer, cache_server, proxy

from measuring.clone import Clone, clone
from measuring.commands import Done
from server.processes import free_port

WHEEL = "3rdparty/asyncmy:wheel"
# Its distributions are installed by a process each, whose results are nested directories.
LAYER = "cached:orm"
_LAYERS = """\
requirements_layer(
    name="orm",
    resolve="prod",
    path="/site",
    distributions=["aiosqlite", "iso8601", "pypika-tortoise", "tortoise-orm"],
)
requirements_layer(name="rest", resolve="prod", path="/site")
"""
_COUNTER = re.compile(r"^\s+(\w+): (\d+)$", re.MULTILINE)


@dataclass
class Machine:
    """A clone with caches of its own, which can be emptied."""

    tree: Clone
    caches: Path
    counters: dict[str, int] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, address: str, **variables: str) -> Machine:
        tree = clone(Path.cwd(), folder / "clone")
        (tree.root / "cached").mkdir()
        (tree.root / "cached" / "BUILD").write_text(_LAYERS, encoding="utf-8")
        caches = folder / "caches"
        tree.variables.update(
            PANTS_CONFIG_FILES="pants.ci.toml",
            PANTS_PANTSD="false",
            PANTS_LOCAL_STORE_DIR=str(caches / "store"),
            PANTS_NAMED_CACHES_DIR=str(caches / "named"),
            PANTS_REMOTE_STORE_ADDRESS=address,
            PANTS_REMOTE_CACHE_READ="true",
            **variables,
        )
        return cls(tree, caches)

    def package(self, *targets: str) -> Done:
        done = self.tree.pants("package", *targets)
        self.counters = {name: int(value) for name, value in _COUNTER.findall(done.errors)}
        return done

    def use(self, address: str, **variables: str) -> None:
        """Use another server."""
        for name in ("PANTS_REMOTE_CA_CERTS_PATH", "PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH"):
            self.tree.variables.pop(name, None)
        self.tree.variables.update(PANTS_REMOTE_STORE_ADDRESS=address, **variables)

    def forget(self) -> None:
        """Empty its caches, and remove what it built."""
        for folder in (self.caches, self.tree.root / "dist"):
            shutil.rmtree(folder, ignore_errors=True)

    def built(self) -> dict[str, str]:
        """The digest of each file below `dist/`."""
        dist = self.tree.root / "dist"
        return {
            str(path.relative_to(dist)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in dist.rglob("*")
            if path.is_file()
        }

    def assert_nothing_was_run(self, first: Machine) -> None:
        """All that was asked for came from the cache."""
        assert self.counters["remote_cache_requests"] == first.counters["remote_cache_requests"]
        assert self.counters["remote_cache_requests_uncached"] == 0
        assert self.counters["remote_cache_read_errors"] == 0
        assert self.built() == first.built()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    with cache_server(tmp_path_factory.mktemp("cache") / "server") as running:
        yield running


@pytest.fixture(scope="module")
def first(server: CacheServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The machine that builds everything, and writes it to the cache."""
    machine = Machine.make(
        tmp_path_factory.mktemp("first"),
        f"grpc://{server.address}",
        PANTS_REMOTE_CACHE_WRITE="true",
    )
    machine.package(WHEEL, LAYER)
    counters = machine.counters
    assert counters["remote_cache_requests_uncached"] == counters["remote_cache_requests"] > 15
    assert counters["remote_cache_write_successes"] == counters["remote_cache_requests"]
    return machine


@pytest.fixture(scope="module")
def second(server: CacheServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine.make(tmp_path_factory.mktemp("second"), f"grpc://{server.address}")


def test_another_clone_runs_nothing_again(first: Machine, second: Machine) -> None:
    second.package(WHEEL, LAYER)
    second.assert_nothing_was_run(first)


def test_nor_does_it_after_the_server_was_killed(
    server: CacheServer, first: Machine, second: Machine, tmp_path: Path
) -> None:
    assert server.send(signal.SIGKILL) == -signal.SIGKILL
    server.start()
    second.forget()
    with proxy(tmp_path / "proxy", server) as front:
        # A reader, whose writes are refused.
        second.use(
            f"grpcs://localhost:{front.port}",
            PANTS_REMOTE_CA_CERTS_PATH=str(front.authority),
            PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH=str(front.reader),
        )
        second.package(WHEEL, LAYER)
    second.assert_nothing_was_run(first)


def test_damaged_blobs_are_not_used(server: CacheServer, first: Machine, second: Machine) -> None:
    for path in (server.folder / "blobs").rglob("*"):
        if path.is_file() and path.stat().st_size > 1000:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
    second.forget()
    second.use(f"grpc://{server.address}")
    done = second.package(LAYER)
    assert "Remote CAS gave wrong digest" in done.errors
    assert second.counters["remote_cache_read_errors"] > 0
    built = second.built()
    assert built
    assert built.items() <= first.built().items()


def test_server_that_is_gone_costs_a_warning(
    first: Machine, second: Machine, tmp_path: Path
) -> None:
    second.forget()
    second.use(f"grpc://127.0.0.1:{free_port()}")
    done = second.package(LAYER)
    assert re.search(r"\[WARN\] Failed to read from remote cache", done.errors)
    built = second.built()
    assert built
    assert built.items() <= first.built().items()
