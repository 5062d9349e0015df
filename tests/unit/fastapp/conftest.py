"""Fixtures of the framework's tests: settings of their own, and apps made on the spot."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from unit.fastapp.support import SECRET, Client, MakeApp

from fastapp.apps import apps
from fastapp.conf import BaseSettings, settings


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project: a folder on the path, settings that no environment changes, no apps."""
    for name in list(os.environ):
        if name.startswith("QK_"):
            monkeypatch.delenv(name)
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set(sys.modules)
    lazy: Any = settings
    lazy.configure(
        BaseSettings.from_values(
            {
                "BASE_DIR": tmp_path,
                "SECRET_KEY": SECRET,
                "ALLOWED_HOSTS": ["testserver"],
                "INSTALLED_APPS": [],
                "DATABASES": {"default": {"ENGINE": "sqlite3"}},
            }
        )
    )
    apps.clear()
    yield tmp_path
    apps.clear()
    lazy.configure(None)
    for name in set(sys.modules) - modules:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def make_app(project: Path) -> MakeApp:
    """``make_app("shop", urls="...", models="...")`` writes a package; gives its name."""

    def make(name: str, **files: str) -> str:
        folder = project.joinpath(*name.split("."))
        folder.mkdir(parents=True, exist_ok=True)
        # Real packages all the way: a namespace package would lose to one of the same name that
        # lies further down the path.
        for parent in folder.relative_to(project).parents:
            (project / parent / "__init__.py").touch()
        (project / "__init__.py").unlink()
        for file, text in {"__init__": "", **files}.items():
            path = folder / f"{file}.py"
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return name

    return make


@pytest.fixture
def client() -> Client:
    """``async with client(app) as http:`` runs the lifespan and gives a client of ``app``."""

    @asynccontextmanager
    async def make(app: Any, **options: Any) -> AsyncIterator[AsyncClient]:
        options.setdefault("base_url", "http://testserver")
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), **options) as http,
        ):
            yield http

    return make
