"""Putting the page in the place of FastAPI's own."""

from __future__ import annotations

import posixpath
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fastapp.docs.assets import asset
from fastapp.docs.page import FOLDER, docs_page, oauth_page

#: FastAPI's default. Its page can be had from FastAPI only, with a script of a public network.
_REDOC: Final = "/redoc"


def install_docs(app: FastAPI) -> None:
    """Serve the page and its files instead of FastAPI's, where the application has one.

    The application's own ``docs_url``, ``openapi_url``, ``swagger_ui_parameters`` and
    ``swagger_ui_init_oauth`` hold. ReDoc is left out, unless the application has chosen a
    ``redoc_url`` other than FastAPI's. Calling it again changes nothing.
    """
    if app.redoc_url == _REDOC:
        app.redoc_url = None
        app.router.routes[:] = [r for r in app.router.routes if not _is_fastapis(r, _REDOC)]
    url, document = app.docs_url, app.openapi_url
    if not url or not document:
        return
    routes = app.router.routes
    place = next((n for n, route in enumerate(routes) if _is_fastapis(route, url)), None)
    if place is None:
        return
    root, folder = url.rstrip("/"), posixpath.dirname(url)
    redirect = app.swagger_ui_oauth2_redirect_url or "/"
    options = dict(app.swagger_ui_parameters or {})
    if app.swagger_ui_init_oauth:
        options["init_oauth"] = app.swagger_ui_init_oauth
    page = docs_page(
        f"{app.title} - docs",
        posixpath.relpath(document, folder),
        base="" if url.endswith("/") else posixpath.basename(url),
        redirect_url=posixpath.relpath(redirect, folder),
        options=options,
    )

    async def show_docs(_request: Request) -> Response:
        return page

    def show_asset(request: Request) -> Response:
        # No coroutine: reading and packing happen in a thread.
        values = request.path_params
        accepted = request.headers.get("accept-encoding", "")
        found = asset(values["version"], values["name"], accepted)
        if found is None:
            raise HTTPException(404)
        return found

    async def show_redirect(_request: Request) -> Response:
        return oauth_page()

    ours: list[BaseRoute] = [
        Route(url, show_docs, include_in_schema=False),
        Route(
            f"{root}/{FOLDER}/{{version}}/{{name}}",
            show_asset,
            include_in_schema=False,
        ),
    ]
    if app.swagger_ui_oauth2_redirect_url:
        ours.append(Route(redirect, show_redirect, include_in_schema=False))
    routes[place : place + 1] = ours
    # It would never be reached, which `check` calls a mistake.
    routes[:] = [route for route in routes if not _is_fastapis(route, redirect)]


def _is_fastapis(route: BaseRoute, path: str) -> bool:
    return (
        isinstance(route, Route)
        and route.path == path
        and getattr(route.endpoint, "__module__", "").startswith("fastapi.")
    )
