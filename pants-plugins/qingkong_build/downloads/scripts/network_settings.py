"""How this machine reaches a network: proxies, certificates, indexes, passwords.

Pants' process writes them to a file that only its user can read, outside every sandbox and cache
(`downloads/network.py`), since what is in a process's arguments, environment or inputs is
in its cache key, in the store and in `ps`. Standard library only.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import os
import re
import ssl
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# Where a sandbox has the directory with the file that names the file of settings.
FOLDER = ".network"
POINTER = "settings-path"
_PORTS = {"http": 80, "https": 443}
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class SettingsError(Exception):
    """A setting that cannot be used: which one, its value, why, and how to fix it."""


class Origin(NamedTuple):
    """What credentials are for: the same host with another scheme or port is another origin."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin:
    """The origin of an address."""
    parts = urllib.parse.urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    return Origin(parts.scheme, (parts.hostname or "").lower(), port)


def without_credentials(url: str) -> tuple[str, str]:
    """`url` without what is before the `@` of its host, and that, quoted: `user:password`."""
    parts = urllib.parse.urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl(), credentials


def shown(url: str) -> str:
    """`url` as people may see it: a query may be a signature that opens a storage."""
    try:
        parts = urllib.parse.urlsplit(without_credentials(url)[0])
    except ValueError:
        return "(an address that cannot be read)"
    return parts._replace(query="…" if parts.query else "", fragment="").geturl()


@dataclass(frozen=True)
class Settings:
    """What the session of Pants, or the caller's environment, says.

    Attributes:
        environment: variables, as programs of the network read them.
        indexes: addresses of package indexes, which may have credentials.
        path_mappings: `NAME|PATH`, as lockfiles of Pex use them.
        ca_certs_path: `[GLOBAL].ca_certs_path`.
    """

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    indexes: tuple[str, ...] = field(default=(), repr=False)
    path_mappings: tuple[str, ...] = field(default=(), repr=False)
    ca_certs_path: str = ""

    @classmethod
    def load(cls, folder: str = FOLDER) -> Settings:
        """The settings of the Pants that runs this process."""
        try:
            with open(os.path.join(folder, POINTER), encoding="utf-8") as pointer:
                path = pointer.read()
            with open(path, encoding="utf-8") as file:
                raw: dict[str, Any] = json.load(file)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"the network's settings in {folder!r} cannot be read: {error}. Fix: run downloads "
                "on the machine, and as the user, that runs Pants (no remote or Docker environment)"
            ) from None
        return cls(
            raw["environment"],
            tuple(raw["indexes"]),
            tuple(raw["path_mappings"]),
            raw["ca_certs_path"],
        )

    @classmethod
    def of_process(cls) -> Settings:
        """The same, or the environment's where no Pants runs this process."""
        return cls.load() if os.path.isdir(FOLDER) else cls(dict(os.environ))

    def variable(self, *names: str) -> str:
        """The first of these variables that is set to something."""
        return next(filter(None, (self.environment.get(name) for name in names)), "")

    def number(self, *names: str) -> float | None:
        """The first of these variables that is set, which has to be a number."""
        value = self.variable(*names)
        try:
            return float(value) if value else None
        except ValueError:
            raise SettingsError(
                f"{'/'.join(names)}={value!r}: it is not a number. Fix: correct or unset it"
            ) from None

    @property
    def home(self) -> str:
        """The user's directory."""
        return self.variable("HOME") or os.path.expanduser("~")

    def mapped(self, url: str) -> str:
        """`url` with each `${NAME}` replaced by the path of `NAME|PATH`."""
        known = dict(mapping.split("|")[:2] for mapping in self.path_mappings if "|" in mapping)

        def replaced(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in known:
                raise SettingsError(
                    f"[python-repos].path_mappings: it has no {name!r}, which {url} needs. Fix: "
                    f"add '{name}|…', what comes before the rest of the address on your index"
                )
            return known[name]

        return re.sub(r"\$\{(\w+)\}", replaced, url)

    def proxy(self, url: str) -> str:
        """The address of the proxy for `url`, "" for none."""
        to = origin(url)
        if is_loopback(to.host) or self._is_bypassed(to):
            return ""
        value = self.variable(
            "PIP_PROXY",
            f"{to.scheme}_proxy",
            # Servers set HTTP_PROXY from a header of their clients; nothing here is a server.
            f"{to.scheme.upper()}_PROXY",
            "all_proxy",
            "ALL_PROXY",
        )
        if value and "://" not in value:
            value = f"http://{value}"
        if value and urllib.parse.urlsplit(value).scheme != "http":
            raise SettingsError(
                f"proxy={shown(value)}: only proxies that are spoken to by HTTP can be used. Fix: "
                "name one as http://host:port (it serves https addresses, too)"
            )
        return value

    def _is_bypassed(self, to: Origin) -> bool:
        for entry in re.split(r"[\s,]+", self.variable("no_proxy", "NO_PROXY")):
            name, _, port = (
                entry.lower().partition(":") if entry.count(":") == 1 else (entry, "", "")
            )
            if entry == "*":
                return True
            if not name or (port and port != str(to.port)):
                continue
            bare = name.lstrip("*").lstrip(".")
            if to.host == bare or to.host.endswith(f".{bare}") or _is_in_network(to.host, name):
                return True
        return False

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        """Which certificates to trust."""
        path = self.ca_certs_path or self.variable(*_CERTIFICATES)
        folder = "" if path else self.variable("SSL_CERT_DIR")
        if os.path.isdir(path):
            path, folder = "", path
        try:
            return ssl.create_default_context(cafile=path or None, capath=folder or None)
        except OSError as error:
            raise SettingsError(
                f"certificates={path!r}: they cannot be read: {error}. Fix: correct what names "
                f"them: [GLOBAL].ca_certs_path, {', '.join(_CERTIFICATES)}"
            ) from None

    def tls_for(self, url: str) -> ssl.SSLContext:
        """The same, but without a look at the certificate for one of pip's trusted hosts."""
        to = origin(url)
        trusted = self.variable("PIP_TRUSTED_HOST").lower().split()
        if to.host not in trusted and f"{to.host}:{to.port}" not in trusted:
            return self.tls
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


def is_loopback(host: str) -> bool:
    """Whether it is this machine."""
    return host == "localhost" or _is_in_network(host, "127.0.0.0/8") or host == "::1"


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
