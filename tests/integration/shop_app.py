"""The example shop in the test's own process, on a database of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from integration.serving import SECRET

from fastapp.apps import apps
from fastapp.asgi import create_application
from fastapp.conf import override_settings
from fastapp.db.migrations.runner import apply, make_plans


@asynccontextmanager
async def migrated_shop(
    database: dict[str, Any], **settings: Any
) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """One application instance, whose tables exist, and a client of it.

    Args:
        database: the default one, as DATABASES has it.
        settings: further ones.
    """
    with override_settings(
        DATABASES={"default": database},
        INSTALLED_APPS=["apps.shop"],
        SECRET_KEY=SECRET,
        ALLOWED_HOSTS=["shop.test"],
        **settings,
    ):
        apps.clear()
        app = create_application()
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://shop.test") as client,
        ):
            for plan in await make_plans():
                await apply(plan)
            yield app, client
