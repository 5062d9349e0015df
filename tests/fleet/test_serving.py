"""The fleet that docs/fleet.md starts serves the shop, and is locked down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fleet.stack import REPLICAS, SERVERS, Fleet

from image.engine import logs, unique

pytestmark = pytest.mark.timeout(600)

FRAMEWORK_SERVICES = (*REPLICAS, "gateway", "migrate")
#: The smallest process that a service of the framework has is refused these.
DENIED = """
import pathlib, sys
for place in ("/app/x", "/etc/x", "/usr/x"):
    try:
        pathlib.Path(place).write_text("x")
    except OSError:
        continue
    sys.exit(f"{place} can be written")
"""


def secrets_of(fleet: Fleet) -> list[str]:
    folder = fleet.root / "deploy" / "compose" / "secrets"
    texts = [file.read_text(encoding="utf-8") for file in folder.iterdir()]
    found = [line.rpartition("=")[2] for text in texts for line in text.splitlines()]
    assert len(found) == 4
    return found


def test_the_shop_is_served_through_the_gateway(fleet: Fleet) -> None:
    product = {"sku": unique("sku"), "name": "茶 🍵", "price": "9.90"}
    made = fleet.http.post("/shop/products", json=product)
    assert made.status_code == 201, made.text
    # Each of the two has it from the database.
    for _ in range(4):
        answer = fleet.http.get(f"/shop/products/{made.json()['id']}")
        assert (answer.status_code, answer.json()["name"]) == (200, product["name"])
    served = [fleet.container(service).logs().count(b"/shop/products") for service in REPLICAS]
    assert all(served), served
    assert fleet.http.get("/healthz/ready").json() == {"status": "ok", "services": {"shop": "ok"}}
    assert "/shop/products" in fleet.http.get("/openapi.json").json()["paths"]


def test_the_page_shows_how_to_look_at_it(fleet: Fleet) -> None:
    said = fleet.follow("Look at it")
    for service in (*SERVERS, "migrate"):
        assert f"{fleet.project}-{service}-1" in said
    assert "/shop/products" in said, "the log"


def test_clients_are_known_by_their_own_address(fleet: Fleet) -> None:
    """The services believe the gateway, and the gateway no one."""
    path = f"/shop/products/{unique('seen')}"
    fleet.http.get(path, headers={"X-Forwarded-For": "192.0.2.7"})
    (line,) = [
        line
        for service in REPLICAS
        for line in logs(fleet.container(service)).splitlines()
        if path in line and "fastapp.access" in line
    ]
    gateway: Any = fleet.container("gateway").attrs["NetworkSettings"]["Networks"]
    # The engine's own, by which the port is published.
    client = gateway[f"{fleet.project}_public"]["Gateway"]
    assert json.loads(line)["client"] == client
    own = gateway[f"{fleet.project}_edge"]["IPAddress"]
    assert own not in line, "the gateway's address instead of the client's"
    assert "192.0.2.7" not in line


def test_it_started_in_order_of_health(fleet: Fleet) -> None:
    migration = fleet.started["migrate"]
    assert (migration["ExitCode"], migration["Running"]) == (0, False)
    assert fleet.started["database"]["StartedAt"] < migration["StartedAt"]
    for service in REPLICAS:
        begun = fleet.started[service]["StartedAt"]
        assert migration["FinishedAt"] < begun < fleet.started["gateway"]["StartedAt"]
        assert fleet.started[service]["Health"]["Status"] == "healthy"


@pytest.mark.parametrize("service", [*SERVERS, "migrate"])
def test_it_is_locked_down(fleet: Fleet, service: str) -> None:
    attributes: dict[str, Any] = fleet.container(service).attrs
    host, config = attributes["HostConfig"], attributes["Config"]
    assert host["ReadonlyRootfs"]
    assert not host["Privileged"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert config["User"] == ("999:999" if service == "database" else "10001:10001")
    published = {key for key, value in (host["PortBindings"] or {}).items() if value}
    assert published == ({"8000/tcp"} if service == "gateway" else set())
    volumes = [mount["Name"] for mount in attributes["Mounts"] if mount["Type"] == "volume"]
    assert volumes == ([f"{fleet.project}_database"] if service == "database" else [])
    networks = {
        name.removeprefix(f"{fleet.project}_") for name in attributes["NetworkSettings"]["Networks"]
    }
    expected = {"gateway": {"edge", "public"}, "database": {"data"}, "migrate": {"data"}}
    assert networks == expected.get(service, {"edge", "data"})


def test_only_what_has_to_be_can_be_written(fleet: Fleet) -> None:
    for service in (*REPLICAS, "gateway"):
        done = fleet.container(service).exec_run(["python", "-c", DENIED])
        assert done.exit_code == 0, done.output


def test_secrets_are_in_files_only(fleet: Fleet) -> None:
    secrets = secrets_of(fleet)
    folder = fleet.root / "deploy" / "compose" / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    for service in (*SERVERS, "migrate"):
        container = fleet.container(service)
        known = str(container.attrs) + logs(container)
        assert [secret for secret in secrets if secret in known] == [], service
    done = fleet.container("gateway").exec_run(["cat", "/app/.env"])
    assert b"PASSWORD" not in done.output, "the gateway has no database"
