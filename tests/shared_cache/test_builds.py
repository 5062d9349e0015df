"""A clone with empty caches builds nothing that another one has built with the cache server."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_cache.machines import Machine
from shared_cache.servers import CacheServer, cache_server, proxy

from server.processes import free_port

WHEEL = "3rdparty/asyncmy:wheel"
# Its distributions are installed by a process each, whose results are nested directories.
LAYER = "cached:orm"


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
