"""A service and a gateway in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from integration.gateway.services import Service
from integration.gateway.support import SECONDS, running_gateway, serving


@dataclass
class Stack:
    """A running gateway.

    Attributes:
        service: behind the prefix "shop".
        service_port: where it is.
        port: of the gateway.
        http: a client of the gateway.
    """

    service: Service
    service_port: int
    port: int
    http: httpx.Client


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """One for the module."""
    service = Service("shop")
    with (
        serving(service) as service_port,
        running_gateway({"shop": [f"http://127.0.0.1:{service_port}"]}) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as http,
    ):
        yield Stack(service, service_port, port, http)


@pytest.fixture
def stack(running: Stack) -> Stack:
    """The one of the module, its record empty."""
    service = running.service
    service.seen.clear()
    service.peers.clear()
    service.gone.clear()
    while service.gate.acquire(blocking=False):
        pass
    return running
