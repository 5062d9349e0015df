"""Choosing one of several upstreams, leaving dead ones out and taking them back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from fastapp.gateway.config import Balancing, GatewayConfig

logger = logging.getLogger("fastapp.gateway")

#: Seconds between two looks at an upstream that takes no connection, and for one look.
PROBE_INTERVAL = 0.5
PROBE_TIMEOUT = 1.0


class Upstream:
    """One address of a service.

    Attributes:
        url: scheme, host, port and base path.
        origin: the same without the path.
        base: the path, "" for most.
        active: requests and WebSockets in flight.
        ejected: left out while another one is not, as it is dead; a probe asks whether it still is.
        ejections: how often that happened.
        errors: requests without an answer by cause, since the start.
    """

    __slots__ = (
        *("active", "base", "ejected", "ejections", "errors", "failures"),
        *("host", "origin", "port", "url", "wait"),
    )

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.base = parts.path
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.active = 0
        self.failures = 0
        self.ejected = False
        self.ejections = 0
        self.errors = {"connect": 0, "timeout": 0, "broken": 0}
        self.wait = 0.0

    def __repr__(self) -> str:
        return f"<Upstream: {self.url}{' (ejected)' if self.ejected else ''}>"


class Pool:
    """The upstreams of one prefix."""

    __slots__ = ("_balancing", "_turn", "upstreams")

    def __init__(self, upstreams: list[Upstream], balancing: Balancing) -> None:
        self.upstreams = upstreams
        self._balancing = balancing
        self._turn = 0

    @property
    def available(self) -> bool:
        """Whether one of them is not left out."""
        return any(not upstream.ejected for upstream in self.upstreams)

    def choose(self, without: Collection[Upstream] = ()) -> Upstream | None:
        """The upstream for the next request, or None when all are in ``without``.

        Those with equally many requests in flight take turns. When all are dead, they are asked
        all the same: one that is back serves again with its first request.
        """
        if len(self.upstreams) == 1:
            only = self.upstreams[0]
            return None if only in without else only
        return self._choose(without, dead=False) or self._choose(without, dead=True)

    def _choose(self, without: Collection[Upstream], *, dead: bool) -> Upstream | None:
        count = len(self.upstreams)
        best: Upstream | None = None
        for offset in range(count):
            upstream = self.upstreams[(self._turn + offset) % count]
            if upstream.ejected is not dead or upstream in without:
                continue
            if self._balancing == "round-robin":
                best = upstream
                break
            if best is None or upstream.active < best.active:
                best = upstream
        if best is not None:
            self._turn = (self.upstreams.index(best) + 1) % count
        return best


class Directory:
    """All pools. An address that serves several prefixes is one upstream."""

    def __init__(self, config: GatewayConfig) -> None:
        self.config = config
        self._upstreams: dict[str, Upstream] = {}
        self._probes: dict[Upstream, asyncio.Task[None]] = {}
        self.pools = {prefix: self._pool(urls) for prefix, urls in sorted(config.upstreams.items())}
        self.default = self._pool(config.default_upstreams) if config.default_upstreams else None

    @property
    def upstreams(self) -> Iterable[Upstream]:
        """All of them, each once."""
        return self._upstreams.values()

    def _pool(self, urls: Iterable[str]) -> Pool:
        upstreams = [self._upstreams.setdefault(url, Upstream(url)) for url in dict.fromkeys(urls)]
        return Pool(upstreams, self.config.balancing)

    def succeeded(self, upstream: Upstream) -> None:
        """It gave an answer, of whatever status."""
        upstream.failures = 0
        upstream.wait = 0.0
        if upstream.ejected:
            self._take_back(upstream)

    def failed(self, upstream: Upstream, *, dead: bool) -> None:
        """It gave none.

        Args:
            upstream: which.
            dead: no connection could be made. One that breaks off later may have failed at this
                request only, so it takes several in a row.
        """
        upstream.failures += 1
        if upstream.ejected or not (dead or upstream.failures >= self.config.max_failures):
            return
        upstream.ejected = True
        upstream.ejections += 1
        wait = min(upstream.wait * 2 or self.config.eject_seconds, self.config.eject_seconds_max)
        upstream.wait = wait
        logger.warning("upstream %s is left out: no answer", upstream.url)
        self._probes[upstream] = asyncio.get_running_loop().create_task(self._probe(upstream))

    async def _probe(self, upstream: Upstream) -> None:
        """Wait until it takes connections again: a request of a client should not be the test."""
        pause = upstream.wait
        while True:
            await asyncio.sleep(pause)
            if await accepts(upstream):
                break
            pause = PROBE_INTERVAL
        # `wait` stays: when the next request fails again, the pause is longer.
        self._take_back(upstream)

    def _take_back(self, upstream: Upstream) -> None:
        upstream.failures = 0
        upstream.ejected = False
        probe = self._probes.pop(upstream, None)
        if probe is not None and probe is not asyncio.current_task():
            probe.cancel()
        logger.info("upstream %s is taken back", upstream.url)

    async def probe_of(self, upstream: Upstream) -> None:
        """Wait until an upstream that is left out is taken back."""
        probe = self._probes.get(upstream)
        if probe is not None:
            await asyncio.wait((probe,))

    async def close(self) -> None:
        """End the probes."""
        probes = list(self._probes.values())
        self._probes.clear()
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)


async def accepts(upstream: Upstream) -> bool:
    """Whether a connection to it can be made."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            _, writer = await asyncio.open_connection(upstream.host, upstream.port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
