"""The listening sockets of services, opened by the supervisor."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys

from fastapp.exceptions import CommandError

BACKLOG = 2048

_SO_ATTACH_FILTER = 26
#: Classic BPF: load the byte with the TCP flags; drop the segment when SYN is set, else take it.
_REFUSE_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


def open_listeners(label: str, host: str, port: int) -> list[socket.socket]:
    """Listen at every address of ``host``.

    Args:
        label: of the app, for the error.
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
        raise CommandError(
            f"app {label!r}: cannot listen on {host}:{port}: {reason}; set 'port' of the app in "
            f"its apps.py, or --host"
        ) from exc
    return opened


def close_all(listeners: list[socket.socket]) -> None:
    """Close the sockets and empty the list."""
    while listeners:
        listeners.pop().close()


def refuse_new_connections(listeners: list[socket.socket]) -> bool:
    """Have the kernel ignore whoever wants to connect from now on.

    Connections that are waiting to be accepted stay. When a listening socket is closed they are
    reset, with the requests that their clients sent already. With this done first, the services
    accept all there are, and nobody is left to be reset. A client that comes too late tries
    again by itself, and is refused as soon as the socket is closed.

    Returns:
        Whether it was done; only Linux can.
    """
    if sys.platform != "linux":
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *op) for op in _REFUSE_SYN))
    program = struct.pack("HL", len(_REFUSE_SYN), ctypes.addressof(code))
    done = True
    for listener in listeners:
        try:
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        except OSError:
            done = False
    return done


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
