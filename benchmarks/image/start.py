"""From the command that starts a container to the first byte of its server's first answer.

Nothing is added to the server: its own messages, with the times that the engine gives them, say
where it is.
"""

from __future__ import annotations

import datetime
import json
import re
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from image.engine import Engine
from measuring.commands import CommandError

TOTAL = "start"
CLIENT = "the client asks the engine"
ENGINE = "the engine makes and starts the container"
LOADING = "Python starts, imports, makes the application"
LIFESPAN = "the application's lifespan: databases, telemetry"
SOCKET = "the socket is bound"
REQUEST = "the first request is answered"
# How an operator who trusts no one runs the image.
READ_ONLY = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")
SERVE = ("python", "manage.py", "runserver-aio", "--host", "0.0.0.0")
_PORT = 8000
_PATH = "/healthz/live"
_SECONDS = 60.0
_PAUSE = 0.001
# The server's own messages, in the order of what they tell.
_LOADED, _STARTED, _BOUND = (
    "Started server process",
    "Application startup complete",
    "Uvicorn running on",
)
_TIMED = re.compile(r"^(\S+Z) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """An image, what starts its server there, and options of the engine's `run`."""

    image: str
    command: tuple[str, ...] = SERVE
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(
        default_factory=lambda: {
            "QK_SECRET_KEY": secrets.token_urlsafe(48),
            "QK_ALLOWED_HOSTS": '["127.0.0.1"]',
        }
    )


class StartError(CommandError):
    """A server did not start, or did not say so; the text has what it wrote."""


def seconds(stamp: str) -> float:
    """Seconds of the epoch for a time of the engine, which has nanoseconds."""
    whole, _, rest = stamp.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(f"{whole}+00:00").timestamp()
    return moment + float(f"0.{rest or 0}")


@contextmanager
def running(
    engine: Engine, image: str, command: Sequence[str], options: Sequence[str]
) -> Iterator[str]:
    """The name of a container, from when the engine has started it."""
    name = f"benchmark-start-{secrets.token_hex(6)}"
    try:
        engine.run("run", "--detach", "--name", name, *options, image, *command)
        yield name
    finally:
        engine.discard(name)


def first_byte(address: str) -> float:
    """When the first byte of an answer came, in seconds of the epoch.

    Raises:
        StartError: none came.
    """
    if not address:
        raise StartError("the container has ended, or has no address of its own")
    deadline = time.monotonic() + _SECONDS
    request = f"GET {_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((address, _PORT), timeout=_SECONDS) as there:
                there.sendall(request.encode())
                answer = there.recv(64)
                moment = time.time()
        except OSError:
            time.sleep(_PAUSE)
            continue
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise StartError(f"the server's first answer to {_PATH} is {answer!r}")
        return moment
    raise StartError(f"nothing answered at port {_PORT} in {_SECONDS:.0f} s")


def turn(engine: Engine, server: Server) -> dict[str, float]:
    """Start a server once; seconds of each phase, and of all.

    Raises:
        StartError: it did not start.
    """
    settings = [word for k, v in server.environment.items() for word in ("--env", f"{k}={v}")]
    asked = time.time()
    with running(engine, server.image, server.command, [*server.options, *settings]) as name:
        state = inspect(engine, name)
        try:
            answered = first_byte(state["NetworkSettings"]["IPAddress"])
        except StartError as error:
            done = engine.run("logs", name)
            raise StartError(f"{server.image}: {error}:\n{done.output}{done.errors}") from None
        done = engine.run("logs", "--timestamps", name)
    marks = moments(done.output + done.errors)
    created, began = seconds(state["Created"]), seconds(state["State"]["StartedAt"])
    return {
        TOTAL: answered - asked,
        CLIENT: created - asked,
        ENGINE: began - created,
        LOADING: marks[_LOADED] - began,
        LIFESPAN: marks[_STARTED] - marks[_LOADED],
        SOCKET: marks[_BOUND] - marks[_STARTED],
        REQUEST: answered - marks[_BOUND],
    }


def moments(log: str) -> dict[str, float]:
    """When the server said what, in seconds of the epoch.

    Raises:
        StartError: it did not say all.
    """
    found: dict[str, float] = {}
    for stamp, text in _TIMED.findall(log):
        for mark in (_LOADED, _STARTED, _BOUND):
            if mark in text:
                found.setdefault(mark, seconds(stamp))
    if len(found) != 3:
        raise StartError(f"the server answered, but did not say how it came up:\n{log}")
    return found


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """What the engine knows of a container."""
    told: list[dict[str, Any]] = json.loads(engine.run("container", "inspect", name).output)
    return told[0]


def interpreter(engine: Engine, server: Server) -> float:
    """Seconds from where Python is started to the first line of a program in it.

    The engine's own time of the start is some milliseconds late for this.
    """
    program = f"date +%s%N; exec {server.command[0]} -c 'import time; print(time.time_ns())'"
    with running(engine, server.image, ("sh", "-c", program), server.options) as name:
        engine.run("wait", name)
        began, ran = engine.run("logs", name).output.split()
        return (int(ran) - int(began)) / 1e9


def imports(engine: Engine, server: Server) -> str:
    """What `-X importtime` tells of a server that starts and answers."""
    python, *words = server.command
    settings = [word for k, v in server.environment.items() for word in ("--env", f"{k}={v}")]
    command = (python, "-X", "importtime", *words)
    with running(engine, server.image, command, [*server.options, *settings]) as name:
        first_byte(inspect(engine, name)["NetworkSettings"]["IPAddress"])
        return engine.run("logs", name).errors
