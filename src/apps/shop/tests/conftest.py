"""The shop on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from httpx import AsyncClient

from fastapp.test import app_client


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[AsyncClient]:
    """A client of the shop, whose tables come from its migrations."""
    async with app_client("apps.shop", MAX_PAGE_SIZE=5) as client:
        yield client
