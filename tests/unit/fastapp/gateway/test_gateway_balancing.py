"""Choosing upstreams."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace

import pytest

from fastapp.gateway import balancing
from fastapp.gateway.balancing import Directory, Pool, Upstream
from fastapp.gateway.config import GatewayConfig

URLS = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"]


def test_equals_take_turns_and_the_busy_wait() -> None:
    one, two, three = ups = [Upstream(url) for url in URLS]
    pool = Pool(ups, "least-connections")
    assert [pool.choose() for _ in range(4)] == [one, two, three, one]
    two.active = 1
    assert {pool.choose() for _ in range(6)} == {one, three}
    one.active = three.active = 2
    assert pool.choose() is two
    assert pool.choose(without=[two]) in (one, three)
    two.ejected = True
    assert pool.choose() in (one, three)
    assert pool.choose(without=ups) is None


def test_round_robin_skips_the_dead() -> None:
    one, two, three = ups = [Upstream(url) for url in URLS]
    pool = Pool(ups, "round-robin")
    two.ejected = True
    assert [pool.choose() for _ in range(4)] == [one, three, one, three]
    one.ejected = three.ejected = True
    assert not pool.available
    # None is better than the others any more.
    assert [pool.choose() for _ in range(4)] == [one, two, three, one]
    assert pool.choose(without=ups) is None
    assert pool.choose(without=[one, two]) is three


def test_the_only_one_is_asked_however_dead() -> None:
    async def check() -> None:
        directory = Directory(GatewayConfig(upstreams={"a": URLS[:1]}, eject_seconds=60))
        pool = directory.pools["a"]
        (only,) = pool.upstreams
        for _ in range(5):
            directory.failed(only, dead=True)
        assert (only.ejected, pool.available) == (True, False)
        assert pool.choose() is only
        # Its answer is proof enough.
        directory.succeeded(only)
        assert (only.ejected, pool.available) == (False, True)
        await directory.close()

    asyncio.run(check())


def test_an_address_of_two_prefixes_is_one_upstream() -> None:
    directory = Directory(GatewayConfig(upstreams={"a": URLS[:1], "b": [URLS[0], URLS[0]]}))
    assert directory.pools["a"].upstreams == directory.pools["b"].upstreams


def test_an_upstream_that_stays_away_is_probed_every_second_or_more_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check() -> None:
        pauses: list[float] = []
        sleep = asyncio.sleep

        async def noted(seconds: float) -> None:
            pauses.append(seconds)
            await sleep(0)

        # asyncio of that module alone.
        replaced = SimpleNamespace(**{**vars(asyncio), "sleep": noted})
        monkeypatch.setattr(balancing, "asyncio", replaced)
        with socket.socket() as closed:
            # Bound and not listening: connections to it are refused.
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            directory = Directory(GatewayConfig(upstreams={"a": [url]}))
            directory.failed(directory.pools["a"].upstreams[0], dead=True)
            async with asyncio.timeout(60):
                while len(pauses) < 20:
                    await sleep(0)
            await directory.close()
        assert max(pauses[1:]) <= 1.0

    asyncio.run(check())


def test_the_pause_grows_and_ends() -> None:
    async def check() -> None:
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        config = GatewayConfig(upstreams={"a": [f"http://127.0.0.1:{port}"]}, eject_seconds=0.02)
        directory = Directory(config)
        upstream = directory.pools["a"].upstreams[0]
        waits = []
        states = []
        for _ in range(3):
            directory.failed(upstream, dead=True)
            waits.append(upstream.wait)
            states.append(upstream.ejected)
            async with asyncio.timeout(5):
                await directory.probe_of(upstream)
            states.append(upstream.ejected)
        assert states == [True, False] * 3
        assert waits == pytest.approx([0.02, 0.04, 0.08])
        directory.succeeded(upstream)
        for _ in range(2):
            directory.failed(upstream, dead=False)
        states = [upstream.ejected]
        directory.failed(upstream, dead=False)
        assert [*states, upstream.ejected] == [False, True], "at the third"
        assert upstream.wait == pytest.approx(0.02), "forgotten after an answer"
        await directory.close()
        server.close()

    asyncio.run(check())
