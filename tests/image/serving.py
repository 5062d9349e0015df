"""Running the image as a server, and talking to it as its clients do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from docker.models.containers import Container
from docker.models.images import Image

from image.engine import wait_until

SERVE = ("python", "manage.py", "runserver-aio", "--host", "0.0.0.0")
#: To a free port of the loopback address.
PUBLISH = {"8000/tcp": ("127.0.0.1", None)}
#: How an operator who trusts no one runs the image.
HARDENED: dict[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "tmpfs": {"/tmp": ""},
}
#: What a server of the framework has to be told.
SERVER_SETTINGS = {
    "QK_SECRET_KEY": secrets.token_urlsafe(48),
    "QK_ALLOWED_HOSTS": "127.0.0.1",
}


def published_url(container: Container) -> str:
    """Where the published port of a container is reached from this machine."""
    container.reload()
    bindings: Any = container.ports.get("8000/tcp")
    assert bindings, f"the port is not published: {container.ports}"
    return f"http://{bindings[0]['HostIp']}:{bindings[0]['HostPort']}"


def status_of(client: httpx.Client, path: str) -> int:
    """The status of an answer, or 0 when there is none."""
    try:
        return client.get(path).status_code
    except httpx.TransportError:
        return 0


@contextmanager
def open_client(url: str) -> Iterator[httpx.Client]:
    """A client of a server, from when it answers."""
    # No proxy of this machine may come between.
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        wait_until(lambda: status_of(client, "/healthz/live") == 200, "the server answers")
        yield client


def fast_check(image: Image, seconds: float = 0.3) -> dict[str, Any]:
    """The image's own health check, more often."""
    attributes: dict[str, Any] = image.attrs
    test: list[str] = attributes["Config"]["Healthcheck"]["Test"]
    nanoseconds = int(seconds * 1e9)
    return {"test": test, "interval": nanoseconds, "retries": 3, "start_period": nanoseconds}


def health(container: Container) -> str:
    """What the engine thinks of a container."""
    container.reload()
    status: str = container.attrs["State"]["Health"]["Status"]
    return status
