"""The listening sockets of services, opened by the supervisor."""

from __future__ import annotations

import errno
import os
import socket

from fastapp.exceptions import CommandError

BACKLOG = 2048


def open_listeners(label: str, host: str, port: int) -> list[socket.socket]:
    """Listen at every address of ``host``.

    Args:
        label: of the app, for the error; "" when it is the port of all.
        host: name or address; "" and "0.0.0.0" mean all of IPv4, "::" all of IPv6.
        port: the app's port.

    Raises:
        CommandError: an address is taken, or not of this host; names the app and the port.
    """
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(
            host or "0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, address in dict.fromkeys(found):
            listener = socket.socket(family, socket.SOCK_STREAM)
            opened.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # Else "::" takes the IPv4 addresses too, and a second socket on them fails.
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
    except OSError as exc:
        close_all(opened)
        taken = exc.errno == errno.EADDRINUSE
        reason = "another process has it" if taken else exc.strerror or str(exc)
        if label:
            raise CommandError(
                f"app {label!r}: cannot listen on {host}:{port}: {reason}. Fix: set 'port' of the "
                f"app in its apps.py, or --host"
            ) from exc
        raise CommandError(
            f"cannot listen on {host}:{port}: {reason}. Fix: choose another --port or --host"
        ) from exc
    return opened


def close_all(listeners: list[socket.socket]) -> None:
    """Close the sockets and empty the list."""
    while listeners:
        listeners.pop().close()


def probe_address(listeners: list[socket.socket]) -> tuple[str, int]:
    """Where to reach the first of the sockets from this host."""
    host, port, *_ = listeners[0].getsockname()
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port


def take_listeners(descriptors: str) -> list[socket.socket]:
    """The sockets that the supervisor handed over, by their numbers separated by commas."""
    taken = []
    for number in descriptors.split(","):
        # Processes that the app starts must not keep the port.
        os.set_inheritable(int(number), False)
        taken.append(socket.socket(fileno=int(number)))
    return taken
