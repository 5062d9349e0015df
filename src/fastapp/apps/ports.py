"""Ports of apps that run as services of their own.

A port is the app's explicit ``port``, or else one derived from its label: 20000 plus the CRC-32
of the label modulo 10000. The range 20000-29999 lies below the ephemeral ports of Linux. As the
port depends on nothing but the label, every process on a host finds every service without a file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastapp.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from fastapp.apps.config import AppConfig

FIRST_PORT = 20000
PORT_COUNT = 10000


def stable_port(label: str) -> int:
    """The port derived from a label, always the same for one label."""
    return FIRST_PORT + zlib.crc32(label.encode()) % PORT_COUNT


def check_ports(configs: Iterable[AppConfig]) -> None:
    """Refuse two apps with one port.

    Raises:
        ImproperlyConfigured: names both apps and the port.
    """
    taken: dict[int, AppConfig] = {}
    for config in configs:
        other = taken.setdefault(config.service_port, config)
        if other is not config:
            raise ImproperlyConfigured(
                f"apps {other.label!r} and {config.label!r} both get port "
                f"{config.service_port}. Fix: set 'port' of one of them in its apps.py."
            )
