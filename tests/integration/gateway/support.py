"""Servers on real sockets, in threads, and raw requests."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from fastapp.conf import BaseSettings
from fastapp.gateway import Gateway, GatewayConfig
from fastapp.gateway.server import server_options

SECONDS = 30.0
QUIET: dict[str, Any] = {"log_config": None, "access_log": False}


@contextmanager
def serving(app: Any, port: int = 0, **options: Any) -> Iterator[int]:
    """Serve an ASGI application in a thread; gives the port."""
    settings = {"lifespan": "on", "ws": "websockets-sansio", "timeout_graceful_shutdown": 1}
    config = uvicorn.Config(app, **{**settings, **QUIET, **options})
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        wait_for(lambda: server.started)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(SECONDS)
            assert not thread.is_alive()


@contextmanager
def running_gateway(
    upstreams: dict[str, list[str]],
    *,
    allowed_hosts: tuple[str, ...] = ("*",),
    cors: dict[str, Any] | None = None,
    **config: Any,
) -> Iterator[int]:
    """A gateway as the command serves it, in a thread; gives the port."""
    gateway = Gateway(
        GatewayConfig(upstreams=upstreams, **config), allowed_hosts=allowed_hosts, cors=cors
    )
    options = server_options(BaseSettings.from_values({"SHUTDOWN_TIMEOUT": 1}), gateway)
    with serving(gateway, **{**options, **QUIET}) as port:
        yield port


@contextmanager
def canned(answer: bytes, *, seen: list[bytes] | None = None) -> Iterator[int]:
    """A service that says these bytes to every request, and closes; gives the port.

    Args:
        answer: what it says.
        seen: gets the head of each request.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ending = threading.Event()

        def serve() -> None:
            while True:
                client, _ = listener.accept()
                with client, contextlib.suppress(OSError):
                    if ending.is_set():
                        return
                    client.settimeout(SECONDS)
                    head = b""
                    while b"\r\n\r\n" not in head and (chunk := client.recv(65536)):
                        head += chunk
                    if head and seen is not None:
                        seen.append(head)
                    client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ending.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join(SECONDS)


def wait_for(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def settled(read: Callable[[], int], still: float = 0.5) -> int:
    """The value, once it has not changed for ``still`` seconds."""
    value, since = read(), time.monotonic()
    deadline = since + SECONDS
    while time.monotonic() < since + still:
        assert time.monotonic() < deadline, "it did not settle in time"
        time.sleep(0.01)
        if read() != value:
            value, since = read(), time.monotonic()
    return value


def raw(port: int, request: bytes, *, timeout: float = 3.0) -> bytes:
    """Send bytes, wait for the answer, and read until the server closes or is silent for a while.

    Args:
        port: of the server.
        request: what to send.
        timeout: seconds of silence after the first bytes of an answer.
    """
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(request)
        # A server that closes with unread data resets the connection.
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := client.recv(65536):
                received += chunk
                client.settimeout(timeout)
    return received


def request(target: str, *headers: str, method: str = "GET", host: str = "h") -> bytes:
    """A request without a body, whose connection ends with the answer."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


def json_of(answer: bytes) -> dict[str, Any]:
    """The JSON in a raw answer, chunked or not."""
    found: dict[str, Any] = json.loads(answer[answer.index(b"{") : answer.rindex(b"}") + 1])
    return found


def echoed(port: int, target: str, *headers: str, host: str = "h") -> dict[str, list[str]]:
    """What a service saw of the headers: values by name."""
    found: dict[str, list[str]] = {}
    for name, value in json_of(raw(port, request(target, *headers, host=host)))["headers"]:
        found.setdefault(name, []).append(value)
    return found
