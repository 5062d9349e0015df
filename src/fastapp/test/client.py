"""A client of the application in this process, without a socket."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from httpx import ASGITransport, AsyncClient

from fastapp.apps import apps
from fastapp.asgi import create_application
from fastapp.conf import BaseSettings, settings
from fastapp.conf.lazy import load_settings
from fastapp.db.migrations.runner import apply, make_plans

HOST = "app.test"
SECRET_KEY = "a secret of the tests, long enough 0123456789"


@asynccontextmanager
async def app_client(*installed_apps: str, **changes: Any) -> AsyncIterator[AsyncClient]:
    """A client of the application, whose tables come from the migrations of its apps.

    Every database is an SQLite file that is gone after the block; no environment variable has a
    say, unless the project's settings read it.

    Args:
        *installed_apps: serve these, with the framework's default settings. None of them: the
            project's own apps and settings.
        **changes: settings to change.

    Raises:
        ImproperlyConfigured: a setting or an app is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="fastapp-test-") as folder:
        with use_settings(settings_for_tests(Path(folder), installed_apps, changes)):
            app = create_application()
            async with (
                app.router.lifespan_context(app),
                AsyncClient(transport=ASGITransport(app), base_url=f"http://{HOST}") as client,
            ):
                for plan in await make_plans():
                    await apply(plan)
                yield client


def settings_for_tests(
    folder: Path, installed_apps: tuple[str, ...], changes: dict[str, Any]
) -> BaseSettings:
    """Settings for tests, with databases in a folder."""
    values: dict[str, Any] = {"BASE_DIR": folder, "INSTALLED_APPS": list(installed_apps)}
    kind: type[BaseSettings] = BaseSettings
    if not installed_apps:
        project = load_settings()
        kind = type(project)
        values = {name: getattr(project, name) for name in kind.field_names()}
        values["DATABASES"] = {
            alias: {"ENGINE": "sqlite3", "NAME": f"{alias}.sqlite3"} for alias in project.databases
        }
    values |= {"DATA_DIR": folder, "SECRET_KEY": SECRET_KEY, "ALLOWED_HOSTS": [HOST], **changes}
    return kind.from_values(values)


@contextmanager
def use_settings(value: BaseSettings) -> Iterator[None]:
    """Make these the settings of the process, with an app registry of their own."""
    lazy: Any = settings
    before = lazy._wrapped
    lazy.configure(value)
    apps.clear()
    try:
        yield
    finally:
        apps.clear()
        # Not None: that would forget the project's module, which others may have imported.
        object.__setattr__(lazy, "_wrapped", before)
