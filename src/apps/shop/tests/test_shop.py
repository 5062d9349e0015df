"""Products and orders over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient

from fastapp.db.lifecycle import databases
from fastapp.db.migrations.writing import new_migrations

pytestmark = pytest.mark.asyncio

ROCKET = {
    "sku": "rocket-1",
    "name": "清空火箭 🚀",
    "price": "1234567890.12",
    "attributes": {"色": ["红", None], "thrust": 7.5},
    "released_at": "2026-01-01T00:00:00Z",
}


async def make(shop: AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await shop.post("/shop/products", json={**ROCKET, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_product_comes_back_as_it_was_given(shop: AsyncClient) -> None:
    made = await make(shop)
    got = (await shop.get(f"/shop/products/{made['id']}")).json()
    assert got == made
    assert {key: got[key] for key in ("sku", "name", "price", "attributes")} == {
        key: ROCKET[key] for key in ("sku", "name", "price", "attributes")
    }
    assert got["released_at"] == "2026-01-01T08:00:00+08:00"
    assert got["description"] is None
    assert got["created_at"].endswith("+08:00")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": "-1"}, "price"),
        ({"price": "1.234"}, "price"),
        ({"price": "99999999999.00"}, "price"),
        ({"name": ""}, "name"),
        ({"released_at": "2026-01-01T00:00:00"}, "released_at"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_wrong_products(shop: AsyncClient, changes: dict[str, Any], field: str) -> None:
    answer = await shop.post("/shop/products", json={**ROCKET, **changes})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "1883-01-01T00:00:00Z"])
async def test_a_moment_before_time_zones_had_whole_minutes(shop: AsyncClient, moment: str) -> None:
    made = await shop.post("/shop/products", json={**ROCKET, "released_at": moment})
    assert made.status_code == 201
    listed = await shop.get("/shop/products")
    assert listed.status_code == 200
    assert listed.json()["results"] == [made.json()]


async def test_numbers_beyond_the_database_are_a_mistake_of_the_client(shop: AsyncClient) -> None:
    huge = 2**63
    line = {"product_id": huge, "quantity": 1}
    for answer in (
        await shop.get(f"/shop/products/{huge}"),
        await shop.get(f"/shop/orders/{huge}"),
        await shop.post("/shop/orders", json={"customer": "x", "lines": [line]}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (422, "validation_error")
        assert "8 bytes" in answer.json()["detail"][0]["message"]
    assert (await shop.get(f"/shop/products/{huge - 1}")).status_code == 404


async def test_a_sku_is_unique(shop: AsyncClient) -> None:
    await make(shop)
    again = await shop.post("/shop/products", json=ROCKET)
    assert (again.status_code, again.json()["error"]) == (409, "conflict")


async def test_missing_things(shop: AsyncClient) -> None:
    for path in ("/shop/products/1", "/shop/orders/1", "/shop/products/one"):
        answer = await shop.get(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_pages_have_a_maximum(shop: AsyncClient) -> None:
    for number in range(7):
        await make(shop, sku=f"s{number}")
    first = (await shop.get("/shop/products?page_size=1000000")).json()
    assert (first["count"], len(first["results"])) == (7, 5)
    assert first["previous"] is None
    second = (await shop.get(first["next"])).json()
    assert len(second["results"]) == 2
    assert second["next"] is None
    assert (await shop.get(second["previous"])).json()["results"] == first["results"]
    beyond = (await shop.get("/shop/products?page=9")).json()
    assert (beyond["count"], beyond["results"]) == (7, [])
    for query in ("page=0", "page_size=0", "page=x", "page=99999999999999999999"):
        assert (await shop.get(f"/shop/products?{query}")).status_code == 422


async def test_an_order_keeps_the_prices(shop: AsyncClient) -> None:
    one = await make(shop, price="0.10")
    two = await make(shop, sku="other", price="0.20")
    lines = [{"product_id": one["id"], "quantity": 3}, {"product_id": two["id"], "quantity": 1}]
    answer = await shop.post("/shop/orders", json={"customer": "李", "lines": lines})
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert (order["total"], order["status"], order["note"]) == ("0.50", "new", None)
    assert (await shop.get(f"/shop/orders/{order['id']}")).json() == order
    listed = (await shop.get("/shop/orders")).json()
    assert listed["results"] == [order]


async def test_an_order_is_made_wholly_or_not(shop: AsyncClient) -> None:
    made = await make(shop)
    missing = {"product_id": 999, "quantity": 1}
    line = {"product_id": made["id"], "quantity": 1}
    for lines, status in (([line, missing], 400), ([line, line], 400), ([], 422)):
        answer = await shop.post("/shop/orders", json={"customer": "x", "lines": lines})
        assert answer.status_code == status
    assert (await shop.get("/shop/orders")).json()["count"] == 0


async def test_the_openapi_document(shop: AsyncClient) -> None:
    document = (await shop.get("/openapi.json")).json()
    assert set(document["paths"]) >= {"/shop/products", "/shop/products/{id}", "/shop/orders"}
    assert document["paths"]["/shop/products"]["post"]["tags"] == ["products"]


async def test_migrations_match_the_models(shop: AsyncClient) -> None:
    async with databases() as context:
        assert await new_migrations(context, ["shop"]) == []
