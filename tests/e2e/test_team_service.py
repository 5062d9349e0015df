"""From the image of a team to its data in MariaDB and back."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from docker.models.images import Image
from e2e.stack import Service, assert_uniform, query, settings
from integration.mariadb import PASSWORD, MariaDB
from integration.ports import free_port

from image.engine import Engine, Finished, finish, logs, unique, wait_until
from image.serving import HARDENED, open_client

pytestmark = pytest.mark.timeout(180)

PRODUCT_COLUMNS = (
    "SELECT sku, name, HEX(name) AS name_bytes, description, price, attributes, "
    "DATE_FORMAT(released_at, '%%Y-%%m-%%d %%H:%%i:%%s.%%f') AS released_at, created_at "
    "FROM shop_product WHERE id = %s"
)
BEIJING = timedelta(hours=8)
# `docker stop` kills after 10 s: an idle connection has SHUTDOWN_GRACE (5 s) of them.
END_SECONDS = 10.0


def product(**changes: Any) -> dict[str, Any]:
    """What the endpoint takes; the SKU is new each time."""
    return {
        "sku": unique("sku"),
        "name": "长征五号 🚀 «Ракета» Ωé",
        "description": None,
        "price": "9999999999.99",
        "attributes": {
            "颜色": ["红", "🟥", None, True],
            "nested": {"deep": {"empty": {}, "list": []}},
            "big": 9007199254740993,
            "float": 0.1,
            "text": 'quote " backslash \\ percent % null \u0000 end',
        },
        "released_at": "2026-02-17T23:59:59.123456+08:00",
        **changes,
    }


def test_the_team_adds_one_layer(engine: Engine, framework: Image, team_image: Image) -> None:
    ours: dict[str, Any] = framework.attrs
    theirs: dict[str, Any] = team_image.attrs
    layers = ours["RootFS"]["Layers"]
    assert theirs["RootFS"]["Layers"][:-1] == layers
    for key in ("User", "WorkingDir", "Env", "Healthcheck", "Volumes", "ExposedPorts"):
        assert theirs["Config"][key] == ours["Config"][key], key
    assert theirs["Config"]["Cmd"] == ["python", "manage.py", "runserver-aio"]
    done = engine.run(team_image, "python", "manage.py", "about", "--json", **HARDENED)
    assert done.code == 0, done.errors
    found = json.loads(done.output)["apps"]
    assert [(app["label"], app["prefix"]) for app in found] == [("shop", "/shop")]


def test_migrate(engine: Engine, team_image: Image, mariadb: MariaDB, migrated: Finished) -> None:
    assert migrated.code == 0, migrated.errors
    assert migrated.output == "Applied shop.0001_initial\n"
    tables = {
        row["t"]
        for row in query(
            mariadb,
            "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE()",
        )
    }
    assert tables >= {"shop_product", "shop_order", "shop_order_line"}
    again = engine.run(
        team_image,
        *("python", "manage.py", "migrate"),
        environment=settings(mariadb, socket=False),
        network_mode="host",
        **HARDENED,
    )
    assert (again.code, again.output) == (0, "Nothing to do.\n"), again.errors


def test_what_is_written_is_in_the_database(service: Service, mariadb: MariaDB) -> None:
    given = product()
    made = service.make(**given)
    assert {key: made[key] for key in given} == given
    assert service.client.get(f"/shop/products/{made['id']}").json() == made
    (row,) = query(mariadb, PRODUCT_COLUMNS, made["id"])
    assert row["name"] == given["name"]
    assert bytes.fromhex(row["name_bytes"]) == given["name"].encode()
    assert row["description"] is None
    assert row["price"] == Decimal("9999999999.99")
    assert json.loads(row["attributes"]) == given["attributes"]
    # Local time of TIME_ZONE, although the server's own time zone is another.
    assert row["released_at"] == "2026-02-17 23:59:59.123456"
    now = datetime.now(UTC).replace(tzinfo=None) + BEIJING
    assert abs(row["created_at"] - now) < timedelta(minutes=3)
    assert datetime.fromisoformat(made["created_at"]).utcoffset() == BEIJING


@pytest.mark.parametrize(
    ("given", "stored", "shown"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01 08:00:00.000000", "2026-01-01T08:00:00+08:00"),
        ("2025-12-31T18:30:00-05:30", "2026-01-01 08:00:00.000000", "2026-01-01T08:00:00+08:00"),
        ("2026-06-30T00:00:00+08:00", "2026-06-30 00:00:00.000000", "2026-06-30T00:00:00+08:00"),
        ("2024-02-29T17:00:00.000001Z", "2024-03-01 01:00:00.000001", None),
        (None, None, None),
    ],
)
def test_moments_keep_their_instant(
    host_service: Service,
    mariadb: MariaDB,
    given: str | None,
    stored: str | None,
    shown: str | None,
) -> None:
    made = host_service.make(**product(released_at=given))
    if given is None:
        assert made["released_at"] is None
    else:
        moment = datetime.fromisoformat(made["released_at"])
        assert moment == datetime.fromisoformat(given)
        assert moment.utcoffset() == BEIJING
    if shown is not None:
        assert made["released_at"] == shown
    assert query(mariadb, PRODUCT_COLUMNS, made["id"])[0]["released_at"] == stored


def test_what_is_in_the_database_is_served(service: Service, mariadb: MariaDB) -> None:
    sku = unique("direct")
    query(
        mariadb,
        "INSERT INTO shop_product (sku, name, description, price, attributes, released_at, "
        "created_at) VALUES (%s, %s, %s, %s, %s, %s, NOW(6))",
        *(sku, "茶 🍵", "多行\n文字", Decimal("0.10"), '{"产地": "杭州"}', "2026-03-08 12:00:00"),
    )
    (row,) = query(mariadb, "SELECT id FROM shop_product WHERE sku = %s", sku)
    found = service.client.get(f"/shop/products/{row['id']}").json()
    assert (found["name"], found["description"], found["price"]) == ("茶 🍵", "多行\n文字", "0.10")
    assert found["attributes"] == {"产地": "杭州"}
    assert found["released_at"] == "2026-03-08T12:00:00+08:00"


def test_both_services_have_the_same_data(
    host_service: Service, published_service: Service
) -> None:
    made = host_service.make(**product(price="0.10"))
    path = f"/shop/products/{made['id']}"
    assert published_service.client.get(path).json() == made
    lines = [{"product_id": made["id"], "quantity": 3}]
    answer = published_service.client.post(
        "/shop/orders", json={"customer": "李 🐉", "lines": lines}
    )
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert (order["total"], order["note"], order["status"]) == ("0.30", None, "new")
    assert host_service.client.get(f"/shop/orders/{order['id']}").json() == order


def test_an_order_is_wholly_in_the_database_or_not(service: Service, mariadb: MariaDB) -> None:
    made = service.make(**product(price="19.99"))
    good = {"product_id": made["id"], "quantity": 2}
    count = "SELECT COUNT(*) AS n FROM shop_order"
    before = query(mariadb, count)
    wrong = {"customer": "x", "lines": [good, {"product_id": 10**12, "quantity": 1}]}
    assert_uniform(service.client.post("/shop/orders", json=wrong), 400, "bad_request")
    assert query(mariadb, count) == before
    answer = service.client.post("/shop/orders", json={"customer": "王", "lines": [good]})
    assert answer.status_code == 201, answer.text
    (row,) = query(
        mariadb,
        "SELECT o.customer, o.note, o.total, o.status, l.quantity, l.price FROM shop_order o "
        "JOIN shop_order_line l ON l.order_id = o.id WHERE o.id = %s",
        answer.json()["id"],
    )
    assert row == {
        "customer": "王",
        "note": None,
        "total": Decimal("39.98"),
        "status": "new",
        "quantity": 2,
        "price": Decimal("19.99"),
    }


def test_mistakes_of_clients(service: Service) -> None:
    given = product()
    service.make(**given)
    client = service.client
    assert_uniform(client.post("/shop/products", json=given), 409, "conflict")
    assert_uniform(client.post("/shop/products", json={}), 422, "validation_error")
    assert_uniform(client.get("/shop/products/999999999999"), 404, "not_found")
    assert_uniform(client.delete("/shop/products"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "\ud83d"}, id="half a character"),
        pytest.param({"attributes": {"x": "\ud83d"}}, id="half a character in JSON"),
        pytest.param({"attributes": {"x": float("nan")}}, id="not a number in JSON"),
        pytest.param({"released_at": "9999-12-31T23:59:59Z"}, id="after the last moment here"),
    ],
)
def test_input_that_no_database_takes_is_refused(
    host_service: Service, changes: dict[str, Any]
) -> None:
    answer = post_raw(host_service, product(**changes))
    assert answer.status_code in (400, 422), answer.text
    assert_uniform(answer, answer.status_code, answer.json()["error"])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"sku": secrets.token_hex(4) + "🚀" * 56}, id="as long as it may be"),
        pytest.param({"description": "长" * 20_000}, id="60 kB of text"),
        pytest.param({"attributes": {"x": "长" * 100_000}}, id="300 kB of JSON"),
        pytest.param({"attributes": {"x": 10**100}}, id="a number of 100 digits"),
    ],
)
def test_large_input_is_taken(
    host_service: Service, mariadb: MariaDB, changes: dict[str, Any]
) -> None:
    given = product(**changes)
    answer = post_raw(host_service, given)
    assert answer.status_code == 201, answer.text
    (row,) = query(mariadb, PRODUCT_COLUMNS, answer.json()["id"])
    assert (row["sku"], row["description"]) == (given["sku"], given["description"])
    assert json.loads(row["attributes"]) == given["attributes"]


def post_raw(service: Service, body: dict[str, Any]) -> httpx.Response:
    """Make a product of what httpx would not write, as another client could."""
    headers = {"Content-Type": "application/json"}
    return service.client.post("/shop/products", content=json.dumps(body), headers=headers)


def test_the_service_lives_on_when_the_database_dies(
    host_service: Service, published_service: Service, mariadb: MariaDB
) -> None:
    services = (host_service, published_service)
    before = [service.identity for service in services]
    made = host_service.make(**product())
    path = f"/shop/products/{made['id']}"
    order = {"customer": "x", "lines": [{"product_id": made["id"], "quantity": 1}]}
    for service in services:
        wait_until(service.is_healthy, "the container is healthy")
        # Several connections are in the pool when the server dies.
        assert {x.status_code for x in service.get_many("/shop/products", 16)} == {200}
    mariadb.kill()
    try:
        for service in services:
            ready = service.client.get("/healthz/ready")
            body = assert_uniform(ready, 503, "service_unavailable")
            assert body["detail"] == {"databases": {"default": "unreachable"}}
            # More failures than the pool has places: none may be lost for ever.
            for answer in service.get_many(path, 24):
                assert_uniform(answer, 503, "service_unavailable")
            answer = service.client.post("/shop/orders", json=order)
            assert_uniform(answer, 503, "service_unavailable")
            # Restarting the container would not fix a database that is down.
            assert service.client.get("/healthz/live").status_code == 200
            assert service.is_healthy()
    finally:
        mariadb.start()
    for service in services:
        wait_until(service.is_ready, "it is ready again", seconds=15)
        answers = service.get_many(path, 24)
        assert [answer.json() for answer in answers] == [made] * 24
        assert service.client.post("/shop/orders", json=order).status_code == 201
    assert [service.identity for service in services] == before
    for service in services:
        assert PASSWORD not in logs(service.container)


def test_it_starts_and_ends_without_the_database(
    engine: Engine, team_image: Image, mariadb: MariaDB
) -> None:
    port = free_port()
    # Nothing listens where the database should be.
    environment = {
        **settings(MariaDB(mariadb.folder, port=free_port()), socket=False),
        "QK_PORT": str(port),
        "QK_HOST": "127.0.0.1",
    }
    command = ("python", "manage.py", "runserver-aio")
    with engine.container(
        team_image, command, environment=environment, network_mode="host", **HARDENED
    ) as container:
        with open_client(f"http://127.0.0.1:{port}") as client:
            assert_uniform(client.get("/shop/products"), 503, "service_unavailable")
            container.kill("SIGTERM")
            done = finish(container, seconds=END_SECONDS)
        assert done.code == 0, done.errors
        assert "Application shutdown complete" in done.errors
