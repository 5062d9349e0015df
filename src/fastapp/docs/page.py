"""The HTML of ``/docs``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from fastapi.openapi.docs import get_swagger_ui_oauth2_redirect_html
from starlette.responses import HTMLResponse, Response

from fastapp.docs.assets import assets_version

#: Where the files are, relative to the page's own path.
FOLDER: Final = "swagger-ui"

# No script but ours runs, whatever a document says. Requests may go elsewhere, as a document may
# name other servers; Swagger UI sets styles, and descriptions may show pictures.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: https:; font-src data:; connect-src *; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# A fixed page of Swagger UI's with its script in it, which hands the code to the window that
# opened it.
_REDIRECT_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def docs_page(
    title: str,
    openapi_url: str,
    *,
    base: str = "docs",
    redirect_url: str = "docs/oauth2-redirect",
    options: Mapping[str, Any] | None = None,
) -> Response:
    """The page.

    Args:
        title: of the window.
        openapi_url: address of the document, best relative to the page: it then holds behind any
            proxy that adds a prefix.
        base: the last part of the page's path, which its files are below; "" when it ends with a
            slash.
        redirect_url: address of :func:`oauth_page`.
        options: further settings of Swagger UI, and ``init_oauth``; of JSON types.
    """
    root = f"{base}/" if base else ""
    folder = escape(f"{root}{FOLDER}/{assets_version()}")
    text = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="stylesheet" href="{folder}/swagger-ui.css">
<link rel="icon" type="image/png" href="{folder}/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript.</noscript>
<script src="{folder}/swagger-ui-bundle.js"></script>
<script src="{folder}/start.js" data-openapi="{escape(openapi_url)}" \
data-redirect="{escape(redirect_url)}" data-options="{escape(json.dumps(options or {}))}"></script>
</body>
</html>
"""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return HTMLResponse(text, headers=headers)


def oauth_page() -> Response:
    """Where an authorization server sends the user back to."""
    page = get_swagger_ui_oauth2_redirect_html()
    page.headers["Content-Security-Policy"] = _REDIRECT_POLICY
    return page
