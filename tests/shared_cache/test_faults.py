"""A slow, silent, killed or wrongly set up cache: the right bytes, and a warning with its name.

One reader and one writer have a daemon each, and the reader's network is a relay.
"""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from shared_cache.machines import LAYERS, Machine
from shared_cache.relay import Network, relay
from shared_cache.servers import CacheServer, Proxy, cache_server, proxy

from measuring.commands import Done
from server.processes import free_port

ALL = "cached::"
NO_WAIT = "remote_cache_speculation_delay: 0ns"
LATE = "remote_cache_speculation_local_completed_first"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    with cache_server(tmp_path_factory.mktemp("cache") / "server") as running:
        yield running


@pytest.fixture(scope="module")
def relayed(server: CacheServer) -> Iterator[tuple[int, Network]]:
    port = free_port()
    with relay(port, server.port) as network:
        yield port, network


@pytest.fixture
def network(relayed: tuple[int, Network]) -> Iterator[Network]:
    _, running = relayed
    yield running
    running.delay, running.rate, running.is_silent, running.on_request = 0.0, 0, False, None


@pytest.fixture(scope="module")
def writer(server: CacheServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("writer")
    address = f"grpc://{server.address}"
    machine = Machine.make(folder, address, PANTS_REMOTE_CACHE_WRITE="true")
    machine.tree.variables["PANTS_PANTSD"] = "true"
    yield machine
    machine.tree.stop()


@pytest.fixture(scope="module")
def reader(
    relayed: tuple[int, Network], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    machine = Machine.make(tmp_path_factory.mktemp("reader"), f"grpc://127.0.0.1:{relayed[0]}")
    machine.tree.variables["PANTS_PANTSD"] = "true"
    # It shows how long each process waits for the cache.
    machine.tree.options.append("-ldebug")
    yield machine
    machine.tree.stop()


@pytest.fixture
def written(writer: Machine, reader: Machine) -> dict[str, str]:
    """What the writer has built, and the reader has not."""
    contents = secrets.token_hex(8)
    for machine in (writer, reader):
        machine.layers(contents)
    writer.package(ALL)
    assert writer.counters["remote_cache_write_successes"] == len(LAYERS)
    return writer.built()


def read(reader: Machine, written: dict[str, str]) -> Done:
    done = reader.package(ALL)
    assert reader.built() == written
    return done


def assert_named(done: Done, address: str, failed: str) -> None:
    """One warning has the cache, what failed, and the fix."""
    (line,) = (line for line in done.errors.splitlines() if "The shared cache failed" in line)
    assert f"[WARN] The shared cache failed: remote_store_address={address}, " in line
    assert f": {failed}. " in line
    assert "Fix: " in line


def test_slow_network_still_serves(
    reader: Machine, written: dict[str, str], network: Network
) -> None:
    network.delay, network.rate = 0.25, 1_000_000
    done = read(reader, written)
    assert reader.counters["remote_cache_requests_cached"] == len(LAYERS)
    assert reader.counters[LATE] == 0
    assert "The shared cache failed" not in done.errors


def test_silent_network_is_not_waited_for_twice(
    reader: Machine, writer: Machine, written: dict[str, str], network: Network
) -> None:
    network.is_silent = True
    done = read(reader, written)
    assert reader.counters[LATE] == len(LAYERS)
    failed = f"reads had no answer: {len(LAYERS)}"
    assert_named(done, reader.tree.variables["PANTS_REMOTE_STORE_ADDRESS"], failed)

    assert NO_WAIT not in done.errors

    # The daemon remembers: the next processes start at once.
    contents = secrets.token_hex(8)
    for machine in (reader, writer):
        machine.layers(contents)
    writer.package(ALL)
    done = read(reader, writer.built())
    assert done.errors.count(NO_WAIT) == len(LAYERS)

    # It answers again: so it is waited for again.
    network.is_silent = False
    for machine in (reader, writer):
        machine.layers(contents + "!")
    writer.package(ALL)
    read(reader, writer.built())
    assert reader.counters["remote_cache_requests_cached"] > 0


def test_server_killed_in_mid_build(
    server: CacheServer, reader: Machine, written: dict[str, str], network: Network
) -> None:
    statuses: SimpleQueue[int] = SimpleQueue()
    network.on_request = lambda: statuses.put(server.send(signal.SIGKILL))
    done = reader.package(ALL)
    assert statuses.get(timeout=60) == -signal.SIGKILL
    server.start()
    assert reader.built() == written
    failed = f"reads failed: {len(LAYERS)}"
    assert_named(done, reader.tree.variables["PANTS_REMOTE_STORE_ADDRESS"], failed)


@pytest.fixture(scope="module")
def front(server: CacheServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxy(tmp_path_factory.mktemp("front") / "proxy", server) as running:
        yield running


@pytest.mark.parametrize("wrong", ["instance", "authority", "host", "token"])
def test_wrong_setting(
    wrong: str, reader: Machine, written: dict[str, str], front: Proxy, tmp_path: Path
) -> None:
    before = dict(reader.tree.variables)
    address = f"grpcs://{'127.0.0.1' if wrong == 'host' else 'localhost'}:{front.port}"
    token = tmp_path / "token"
    token.write_text("token-of-no-one\n", encoding="utf-8")
    authority = front.stranger if wrong == "authority" else front.authority
    reader.use(
        address,
        PANTS_PANTSD="false",
        PANTS_REMOTE_CA_CERTS_PATH=str(authority),
        PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH=str(token if wrong == "token" else front.reader),
        PANTS_REMOTE_INSTANCE_NAME="other" if wrong == "instance" else "main",
    )
    try:
        done = read(reader, written)
    finally:
        reader.tree.variables.clear()
        reader.tree.variables.update(before)
    assert_named(done, address, f"reads failed: {len(LAYERS)}")
    reason = {
        "instance": "Invalid instance name: [other]",
        "authority": "invalid certificate: UnknownIssuer",
        "host": "InvalidDNSNameError",
        "token": "403",
    }
    assert reason[wrong] in done.errors
