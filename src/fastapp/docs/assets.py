"""The files of Swagger UI, from the package ``fastapi-swagger``, and what starts it."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.responses import Response

_PACKAGE: Final = "fastapi_swagger"

#: Reads the page's own settings, so that the page needs no inline script.
_START: Final = b"""\
"use strict";
const given = document.currentScript.dataset;
const options = JSON.parse(given.options);
const { init_oauth: oauth, ...rest } = options;
window.ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  // The default asks a public service what it thinks of the document.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  url: given.openapi,
  oauth2RedirectUrl: new URL(given.redirect, location.href).href,
  ...rest,
});
if (oauth) window.ui.initOAuth(oauth);
"""

MEDIA_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
    "start.js": "text/javascript",
}
#: The address changes with the content, so a copy stays valid for ever.
_FOR_EVER: Final = "public, max-age=31536000, immutable"


def asset(version: str, name: str, accept_encoding: str = "") -> Response | None:
    """One of the files; None when there is none of that name.

    Args:
        version: of the address that was asked for. Another one than :func:`assets_version` is of
            another release, during a change of releases: it gets the file, not to be kept.
        name: such as "swagger-ui.css".
        accept_encoding: of the request.
    """
    media_type = MEDIA_TYPES.get(name)
    if media_type is None:
        return None
    known = version == assets_version()
    headers = {
        "Cache-Control": _FOR_EVER if known else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if media_type == "image/png":
        return Response(_read(name), media_type=media_type, headers=headers)
    headers["Vary"] = "Accept-Encoding"
    if "gzip" not in accept_encoding.lower():
        return Response(_read(name), media_type=media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(_packed(name), media_type=media_type, headers=headers)


@cache
def assets_version() -> str:
    """A part of the address that tells these files from those of another release."""
    digest = hashlib.sha256()
    for name in MEDIA_TYPES:
        digest.update(_read(name))
    return digest.hexdigest()[:16]


def _read(name: str) -> bytes:
    if name == "start.js":
        return _START
    return files(f"{_PACKAGE}.resources").joinpath(name).read_bytes()


@cache
def _packed(name: str) -> bytes:
    # A quarter of the size, and small enough to keep.
    return gzip.compress(_read(name), mtime=0)
