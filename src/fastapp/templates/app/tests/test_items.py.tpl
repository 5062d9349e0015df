"""Items over HTTP."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from fastapp.db.lifecycle import databases
from fastapp.db.migrations.writing import new_migrations

pytestmark = pytest.mark.asyncio


async def test_an_item_comes_back_as_it_was_given(client: AsyncClient) -> None:
    answer = await client.post("/$name/items", json={"name": "first"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["name"] == "first"
    assert (await client.get(f"/$name/items/{made['id']}")).json() == made
    assert (await client.get("/$name/items")).json()["results"] == [made]


async def test_wrong_items(client: AsyncClient) -> None:
    assert (await client.post("/$name/items", json={"name": ""})).status_code == 422
    assert (await client.get("/$name/items/1")).status_code == 404


async def test_migrations_match_the_models(client: AsyncClient) -> None:
    async with databases() as context:
        assert await new_migrations(context, ["$name"]) == []
