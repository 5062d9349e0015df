"""Where a server listens: HOST:PORT of a command line or a variable."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_PORT = re.compile(r"[0-9]{1,5}")
_LAST_PORT = 65535


class AddressError(Exception):
    """An address that cannot be used; the text says where, which value, why, and the fix."""


@dataclass(frozen=True)
class Address:
    """`host` is a name or an IP address, one of IPv6 without brackets; as text, it has them."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, field: str) -> Address:
        """Read HOST:PORT or [IPv6]:PORT; `field` is the option or variable that has it.

        Raises:
            AddressError: `text` has neither form.
        """
        brackets = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", text)
        if brackets:
            host, port = brackets[1], brackets[2]
        else:
            host, _, port = text.partition(":")
        if "//" in text:
            why = "it is a URL"
        elif brackets and not _is_ipv6(host):
            why = f"{host!r} is no IPv6 address"
        elif not brackets and ":" in port:
            why = "an IPv6 address stands in brackets, and its port behind them"
        elif not brackets and not _NAME.fullmatch(host):
            why = f"{host!r} is no name of a host" if host else "it has no host"
        elif not port:
            why = "it has no port"
        elif not _PORT.fullmatch(port) or not 0 < int(port) <= _LAST_PORT:
            why = f"the port is no number from 1 to {_LAST_PORT}"
        else:
            return cls(host, int(port))
        raise AddressError(
            f"reading an address: {field}={text!r}: {why}. Fix: give HOST:PORT, such as "
            "127.0.0.1:8980 or [::1]:8980."
        )

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    @property
    def from_here(self) -> Address:
        """What this machine reaches it by: every address of the machine is on loopback, too."""
        try:
            is_every = ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return self
        return replace(self, host="::1" if self.is_ipv6 else "127.0.0.1") if is_every else self


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
