"""An ASGI application that serves a folder, as front ends with a router of their own want it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from fastapp.asgi.errors import handle_http_exception

INDEX = "index.html"
HEALTH_PATH = "/healthz"
#: The name changes with the content, so the content of a name never changes.
IMMUTABLE = "public, max-age=31536000, immutable"
#: May be kept, and must be asked about before each use: the ETag makes that cheap.
REVALIDATE = "no-cache"

#: Names as bundlers make them: ``main.1a2b3c4d.js``, ``index-DkQ2b3_x.css``. The part has a digit
#: and a letter, or ``jquery-validation.js`` would be one.
_HASHED = re.compile(
    r"[.-](?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{8,}"
    r"\.(?:js|mjs|css|map|wasm|json|svg|png|jpe?g|gif|webp|avif|ico|woff2?|ttf|otf|eot)\Z"
)
#: The one folder with a dot that is meant for the public.
_WELL_KNOWN = ".well-known"


class FrontEndFiles(StaticFiles):
    """Files below a folder, with caching headers.

    Starlette keeps requests inside the folder, symbolic links included, and answers conditional
    and range requests.

    Args:
        directory: the folder.
        spa: answer unknown paths of pages with ``index.html``, whose scripts know what to show.
    """

    def __init__(self, directory: Path, *, spa: bool = True) -> None:
        super().__init__(directory=directory)
        self.spa = spa

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, a page, or 404."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        if "\x00" in path or "\\" in path or _hidden(path):
            raise HTTPException(404)
        found = await self._find(path)
        if found is None and self._is_folder(scope) is False:
            index = await self._find(os.path.join(path, INDEX))
            if index is not None:
                # Else relative links of the page would lead elsewhere. The target is relative too:
                # nothing that a client says, as in Host, gets into it.
                name = PurePosixPath(scope["path"]).name
                return RedirectResponse(f"./{quote(name)}/", 307)
        if found is None:
            found = await self._find(os.path.join(path, INDEX))
        if found is None and self.spa and _wants_page(scope):
            found = await self._find(INDEX)
        if found is None:
            raise HTTPException(404)
        return self.file_response(*found, scope)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, or 304, with caching headers."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        hashed = _HASHED.search(os.fspath(full_path)) is not None
        response.headers["Cache-Control"] = IMMUTABLE if hashed else REVALIDATE
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    async def _find(self, path: str) -> tuple[str, os.stat_result] | None:
        try:
            full_path, status = await run_in_threadpool(self.lookup_path, path)
        except (OSError, ValueError):  # too long, not to be read, or no path at all
            return None
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        return full_path, status

    @staticmethod
    def _is_folder(scope: Scope) -> bool:
        return str(scope["path"]).endswith("/")


def _hidden(path: str) -> bool:
    """Whether a part of the path has a dot in front, as ``.env`` and ``.git`` have."""
    parts = PurePosixPath(path).parts
    return any(part.startswith(".") and part != _WELL_KNOWN for part in parts if part != ".")


def _wants_page(scope: Scope) -> bool:
    """Whether a browser goes to a page: not for scripts and images, where HTML would confuse."""
    if PurePosixPath(scope["path"]).suffix:
        return False
    accept = Headers(scope=scope).get("accept", "")
    return "text/html" in accept or "*/*" in accept or not accept


def create_static_application(directory: Path, *, spa: bool = True) -> Starlette:
    """The application that ``serve-static`` serves."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok")

    handlers: dict[Any, Any] = {HTTPException: handle_http_exception}
    return Starlette(
        routes=[Route(HEALTH_PATH, healthz), Mount("/", FrontEndFiles(directory, spa=spa))],
        exception_handlers=handlers,
    )
