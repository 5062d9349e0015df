"""One app as a service, or all of them: what runs in a child of the supervisor.

Lines to the supervisor, on the control channel: ``{"state": "loaded"}``, then, when it was told to
go on, ``{"state": "serving"}``; or ``{"state": "failed", "cause": ...}``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import traceback
from typing import NoReturn

import uvicorn

from fastapp.asgi.application import create_application
from fastapp.cli.commands.runserver_aio import server_options
from fastapp.conf import settings
from fastapp.contrib.metrics.workers import share_as
from fastapp.db.config import tortoise_config
from fastapp.draining import DrainingServer
from fastapp.exceptions import FastAppError, Terminated
from fastapp.supervisor.orphans import die_with_parent
from fastapp.supervisor.sockets import take_listeners

EXIT_BROKEN = 1


class Control:
    """The channel to the supervisor."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self.socket = socket.socket(fileno=descriptor)

    def tell(self, state: str, **more: str) -> None:
        """Tell the supervisor how far this process is."""
        self.socket.sendall(json.dumps({"state": state, **more}).encode() + b"\n")

    def wait_for_go(self) -> None:
        """Return when the supervisor says so; end when it is gone."""
        if not self.socket.recv(16):
            os._exit(EXIT_BROKEN)

    def end_with_supervisor(self) -> None:
        """End this process when the supervisor is gone. For systems without a death signal."""
        self.socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self.socket, self._closed)

    def _closed(self) -> None:
        if not self.socket.recv(16):
            os._exit(EXIT_BROKEN)


class Server(DrainingServer):
    """A server that tells the supervisor when it serves."""

    #: The supervisor keeps them, for the next process of the app or to empty them at the end.
    owns_listeners = False

    def __init__(self, config: uvicorn.Config, control: Control) -> None:
        super().__init__(config, settings.SHUTDOWN_GRACE)
        self.control = control

    def stop_for_reload(self) -> None:
        """Finish requests in flight, and close idle connections at once."""
        self.grace = 0.0
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the supervisor."""
        await super().startup(sockets)
        if self.started:
            self.control.end_with_supervisor()
            self.control.tell("serving")


def main() -> NoReturn:
    """Serve one app. Arguments: label, descriptors of sockets, of the channel, parent's id."""
    label, descriptors, channel, parent = sys.argv[1:5]
    die_with_parent(int(parent))
    # Ctrl-C in a terminal reaches every process; the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    # A file was changed while this one was being loaded.
    signal.signal(signal.SIGHUP, _end)
    control = Control(int(channel))
    listeners = take_listeners(descriptors)
    share_as(label or "worker")
    try:
        server = load(label, control)
    except FastAppError as exc:
        control.tell("failed", cause=str(exc))
        sys.exit(EXIT_BROKEN)
    except Terminated:
        raise
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - whatever an app's code raises
        traceback.print_exc()
        told = f"app {label!r}: " if label else ""
        control.tell("failed", cause=f"{told}{type(exc).__name__}: {exc}")
        sys.exit(EXIT_BROKEN)
    control.tell("loaded")
    control.wait_for_go()
    # uvicorn takes the signal over while it serves, and raises it again when it has ended.
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    signal.signal(signal.SIGHUP, lambda *_: server.stop_for_reload())
    server.run(listeners)
    sys.exit(0 if server.started else EXIT_BROKEN)


def _end(*_: object) -> NoReturn:
    raise Terminated(0)


def load(label: str, control: Control) -> Server:
    """The server of one app, with everything imported that it needs.

    Raises:
        FastAppError: the settings or a module of an app is wrong.
    """
    application = create_application([label] if label else None)
    # The models of all apps, as one may refer to another's.
    tortoise_config()
    # The listeners decide the address; these two are for uvicorn's own use.
    return Server(uvicorn.Config(application, **server_options("127.0.0.1", 0)), control)
