"""The project starts."""

from __future__ import annotations

import pytest

from fastapp.test import app_client

pytestmark = pytest.mark.asyncio


async def test_the_project_starts() -> None:
    async with app_client() as client:
        assert (await client.get("/healthz/ready")).status_code == 200
        assert (await client.get("/openapi.json")).status_code == 200
