"""``runserver`` in one container and ``gateway`` in another, as an operator runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from docker.models.images import Image
from e2e.stack import SOCKET_FOLDER, Service, settings
from integration.mariadb import MariaDB

from image.engine import Engine, Finished, finish, unique, wait_until
from image.serving import HARDENED, PUBLISH, open_client, published_url, status_of

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def gateway(
    engine: Engine, team_image: Image, mariadb: MariaDB, migrated: Finished
) -> Iterator[tuple[Service, Service]]:
    """The services, and the gateway in front of them, in one network like the parts of a pod."""
    environment = settings(mariadb, socket=True)
    volumes = {str(mariadb.folder): {"bind": SOCKET_FOLDER, "mode": "ro"}}
    with (
        engine.container(
            team_image,
            ("python", "manage.py", "runserver"),
            environment=environment,
            ports=PUBLISH,
            volumes=volumes,
            **HARDENED,
        ) as services,
        engine.container(
            team_image,
            ("python", "manage.py", "gateway", "--host", "0.0.0.0"),
            environment=environment,
            network_mode=f"container:{services.id}",
            **HARDENED,
        ) as front,
        open_client(published_url(services)) as client,
    ):
        wait_until(lambda: status_of(client, "/shop/products") == 200, "the shop is up")
        yield Service(services, client), Service(front, client)


def test_data_goes_through_the_gateway(gateway: tuple[Service, Service]) -> None:
    _, front = gateway
    made = front.make(sku=unique("sku"), name="晴空 🚀", price="1.50")
    answer = front.client.get(f"/shop/products/{made['id']}")
    assert answer.json() == made
    assert answer.headers["x-request-id"]


def test_errors_and_documentation_are_the_gateways_own(gateway: tuple[Service, Service]) -> None:
    _, front = gateway
    missing = front.client.get("/nothing/here")
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    document = front.client.get("/openapi.json").json()
    assert "/shop/products" in document["paths"], json.dumps(document)[:500]


def test_both_end_in_order(gateway: tuple[Service, Service]) -> None:
    services, front = gateway
    for part in (front, services):
        part.container.kill("SIGTERM")
        assert finish(part.container).code == 0
