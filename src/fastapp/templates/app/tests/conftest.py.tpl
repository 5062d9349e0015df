"""The app on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from httpx import AsyncClient

from fastapp.test import app_client


@pytest_asyncio.fixture
async def client() -> AsyncIterator[AsyncClient]:
    """A client of the app, whose tables come from its migrations."""
    async with app_client("apps.$name") as made:
        yield made
