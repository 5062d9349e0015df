"""pytest fixtures for projects. ``manage.py test`` loads them; elsewhere, in a ``conftest.py``:

from fastapp.test.fixtures import client, installed_apps, settings_changes
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from fastapp.test.client import app_client


@pytest.fixture
def installed_apps() -> tuple[str, ...]:
    """Apps that :func:`client` serves; override it. None means the project's own."""
    return ()


@pytest.fixture
def settings_changes() -> dict[str, Any]:
    """Settings that :func:`client` changes; override it."""
    return {}


@pytest_asyncio.fixture
async def client(
    installed_apps: tuple[str, ...], settings_changes: dict[str, Any]
) -> AsyncIterator[AsyncClient]:
    """A client of the application, on a database of its own."""
    async with app_client(*installed_apps, **settings_changes) as made:
        yield made
