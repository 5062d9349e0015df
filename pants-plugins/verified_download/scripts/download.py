"""Downloading, for scripts that know which file it has to be. Standard library only."""

from __future__ import annotations

import base64
import http.client
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Callable, NamedTuple

_TIMEOUT_SECONDS = 60
_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0


class FetchError(Exception):
    """What went wrong, where, with which value, and the mend."""


class Answer(NamedTuple):
    """What a server gave, and at which address in the end."""

    content: bytes
    content_type: str
    address: str


def without_credentials(url: str) -> tuple[str, str]:
    """`url` without what is before the `@` of its host, and that, unquoted: `user:password`."""
    parts = urllib.parse.urlsplit(url)
    credentials, found, host = parts.netloc.rpartition("@")
    if not found:
        return url, ""
    return parts._replace(netloc=host).geturl(), urllib.parse.unquote(credentials)


def read(url: str, *, accept: str = "*/*") -> Answer:
    """What is at `url`, tried again where the network failed on the way.

    Raises OSError, http.client.HTTPException or ValueError.
    """
    address, credentials = without_credentials(url)
    request = urllib.request.Request(address, headers={"Accept": accept})
    if credentials:
        encoded = base64.b64encode(credentials.encode()).decode()
        # Not given to where the answer may redirect to.
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
                content_type = response.headers.get("Content-Type", "")
                return Answer(response.read(), content_type, response.geturl())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or attempt == _ATTEMPTS:
                raise
        except (OSError, http.client.HTTPException):
            if attempt == _ATTEMPTS:
                raise
        time.sleep(_PAUSE_SECONDS * attempt)
    raise AssertionError("the last attempt returns or raises")


def save(plugin: str, path: str, fetch: Callable[[], bytes]) -> int:
    """Write what `fetch` returns to `path`. Returns 1 if it raises `FetchError`, after telling."""
    try:
        content = fetch()
    except FetchError as error:
        print(f"{plugin}: {error}", file=sys.stderr)
        return 1
    partial = f"{path}.part"
    with open(partial, "wb") as file:
        file.write(content)
    os.replace(partial, path)
    return 0
