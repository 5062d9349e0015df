"""The shop on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from httpx import ASGITransport, AsyncClient

from fastapp.apps import apps
from fastapp.asgi import create_application
from fastapp.conf import BaseSettings, settings
from fastapp.db.migrations.runner import apply, make_plans


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """A client of the shop, whose tables come from its migrations."""
    lazy: Any = settings
    lazy.configure(
        BaseSettings.from_values(
            {
                "BASE_DIR": tmp_path,
                "SECRET_KEY": "a secret of the tests, long enough 0123456789",
                "ALLOWED_HOSTS": ["shop.test"],
                "INSTALLED_APPS": ["apps.shop"],
                "MAX_PAGE_SIZE": 5,
            }
        )
    )
    apps.clear()
    app = create_application()
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://shop.test") as client,
    ):
        for plan in await make_plans():
            await apply(plan)
        yield client
    apps.clear()
    lazy.configure(None)
