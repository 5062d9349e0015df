"""Each server is lost in turn: killed, stopped, paused. What is left serves, and all comes back.

In none of the tests does anything but the engine start or restart a process that was killed.
"""

from __future__ import annotations

import pytest
from fleet.clients import clients
from fleet.stack import REPLICAS, Fleet

from image.engine import unique, wait_until

pytestmark = pytest.mark.timeout(600)

#: More than pools of connections have places.
SOME_REQUESTS = 30
#: Seconds that a server may take to start on a busy machine.
LONG_SECONDS = 120.0
#: They differ in their names only, and starting one again takes long.
ONE_SHOP = REPLICAS[:1]


def serves(fleet: Fleet, service: str) -> bool:
    """Whether it is this service that answers the next request of a client."""
    token = unique("seen")
    fleet.status(request_id=token)
    return token in fleet.container(service).logs(tail=20).decode(errors="replace")


def wait_until_it_serves(fleet: Fleet, service: str) -> None:
    """Wait until a service is one of those that answer clients."""
    wait_until(lambda: serves(fleet, service), f"{service} serves", LONG_SECONDS)


@pytest.fixture(autouse=True)
def whole(fleet: Fleet) -> None:
    """Each test begins with all that there is."""
    for service in REPLICAS:
        wait_until_it_serves(fleet, service)


@pytest.mark.parametrize("service", ONE_SHOP)
def test_a_shop_is_killed(fleet: Fleet, service: str) -> None:
    (other,) = set(REPLICAS) - {service}
    before = {name: fleet.identity(name) for name in REPLICAS}
    with clients(fleet.url, "GET", "GET", "POST") as asking:
        asking.wait_for_more(SOME_REQUESTS)
        fleet.kill(service)
        wait_until(lambda: fleet.identity(service) != before[service], "another process")
        asking.wait_for_more(SOME_REQUESTS)
        wait_until_it_serves(fleet, service)
    # What it was working on is lost, and is not done twice.
    assert asking.statuses <= {200, 201, 502}, asking.failures
    assert len(asking.failures) <= 3, asking.failures
    assert fleet.identity(other) == before[other]


@pytest.mark.parametrize("service", ONE_SHOP)
def test_a_shop_is_stopped(fleet: Fleet, service: str) -> None:
    with clients(fleet.url, "GET", "GET", "POST") as asking:
        asking.wait_for_more(SOME_REQUESTS)
        fleet.stop(service)
        asking.wait_for_more(SOME_REQUESTS)
        fleet.container(service).start()
        wait_until_it_serves(fleet, service)
    assert asking.failures == []


@pytest.mark.parametrize("service", REPLICAS)
def test_a_shop_is_paused(fleet: Fleet, service: str) -> None:
    before = fleet.identity(service)
    # A request that it was sent waits; all others are served by the one with fewer in flight.
    with clients(fleet.url, "GET", "GET", "GET", "POST") as asking, fleet.paused(service):
        asking.wait_for_more(SOME_REQUESTS)
    assert asking.failures == []
    assert fleet.identity(service) == before


def test_the_database_is_killed(fleet: Fleet) -> None:
    before = {name: fleet.identity(name) for name in ("database", *REPLICAS)}
    with clients(fleet.url, "GET", "GET", "POST") as asking:
        asking.wait_for_more(SOME_REQUESTS)
        fleet.kill("database")
        wait_until(lambda: fleet.identity("database") != before["database"], "another process")
        asking.wait_for_more(SOME_REQUESTS)
    assert asking.statuses <= {200, 201, 503}, asking.failures
    assert {name: fleet.identity(name) for name in REPLICAS} == {
        name: before[name] for name in REPLICAS
    }


def test_the_database_is_stopped(fleet: Fleet) -> None:
    before = {name: fleet.identity(name) for name in REPLICAS}
    fleet.stop("database")
    try:
        assert fleet.status() == 503
        assert [fleet.inside(name, "/healthz/ready") for name in REPLICAS] == [503, 503]
        # To start them again would not bring the database back.
        assert [fleet.inside(name, "/healthz/live") for name in REPLICAS] == [200, 200]
    finally:
        fleet.container("database").start()
    wait_until(lambda: fleet.status() == 200, "it serves again", LONG_SECONDS)
    assert {name: fleet.identity(name) for name in REPLICAS} == before


def test_the_database_is_paused(fleet: Fleet) -> None:
    before = {name: fleet.identity(name) for name in REPLICAS}
    with clients(fleet.url, "GET") as asking:
        with fleet.paused("database"):
            assert [fleet.inside(name, "/healthz/ready") for name in REPLICAS] == [
                503,
                503,
            ]
            assert [fleet.inside(name, "/healthz/live") for name in REPLICAS] == [
                200,
                200,
            ]
            # Before the gateway gives up.
            wait_until(lambda: 503 in asking.statuses, "a request fails", LONG_SECONDS)
        asking.wait_for_more(SOME_REQUESTS)
    assert asking.statuses <= {200, 503, 504}, asking.failures
    assert {name: fleet.identity(name) for name in REPLICAS} == before


def test_the_gateway_is_killed(fleet: Fleet) -> None:
    before = fleet.identity("gateway")
    assert fleet.status() == 200
    fleet.kill("gateway")
    wait_until(lambda: fleet.identity("gateway") != before, "another process")
    wait_until(lambda: fleet.status() == 200, "it serves again", LONG_SECONDS)


def test_the_gateway_is_stopped(fleet: Fleet) -> None:
    fleet.stop("gateway")
    assert fleet.status() == 0, "it is the only way in"
    fleet.container("gateway").start()
    wait_until(lambda: fleet.status() == 200, "it serves again", LONG_SECONDS)


def test_the_gateway_is_paused(fleet: Fleet) -> None:
    before = fleet.identity("gateway")
    with clients(fleet.url, "GET", "POST") as asking:
        with fleet.paused("gateway"):
            wait_until(lambda: asking.waiting == 2, "both clients wait", LONG_SECONDS)
        asking.wait_for_more(SOME_REQUESTS)
    assert asking.failures == []
    assert fleet.identity("gateway") == before
