"""Which container engine a user means: the one that their `docker` client would use.

    python3 address.py [DEFAULT_SOCKET]

prints the answer for shell scripts: a line that describes the engine, then a `NAME=value` line for
each variable without which a `docker` client would not find it. Standard library only, and no
Pants: rules, scripts and tests share this one implementation.

In order: `DOCKER_HOST`; the context that `DOCKER_CONTEXT` names; the current context of
`$DOCKER_CONFIG/config.json`; the default socket; the socket of rootless Docker; Podman's. What is
named explicitly is taken, whether it answers or not; of the sockets the first that takes a
connection.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import sys
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence  # noqa: UP035 - runs on whatever python3 a machine has

#: The variables that decide.
VARIABLES = (
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "HOME",
    "XDG_RUNTIME_DIR",
)
#: What else the caller's environment says to a client: how `ssh` and credential helpers run.
CLIENT_VARIABLES = ("DOCKER_CONFIG", "HOME", "PATH", "SSH_AUTH_SOCK", "USER")
DEFAULT_SOCKET = "/var/run/docker.sock"
_ROOT_PODMAN_SOCKET = "/run/podman/podman.sock"
#: For a socket of this machine to take a connection.
_CONNECT_SECONDS = 2.0
_FORMS = "unix:///path, tcp://host:port or ssh://user@host"


class EngineChoiceError(Exception):
    """A setting that chooses an engine is wrong. Says which, and the fix."""


class NoEngineError(Exception):
    """No engine is chosen and none was found. Says where it was looked for."""


@dataclass(frozen=True)
class Tls:
    """How to speak TLS. `directory` has `ca.pem`, and `cert.pem` with `key.pem`, where needed."""

    directory: str
    verify: bool

    def file(self, name: str) -> str | None:
        """The path of a file of the directory, if it exists."""
        path = os.path.join(self.directory, name)
        return path if os.path.isfile(path) else None


@dataclass(frozen=True)
class EngineAddress:
    """Where an engine is.

    Attributes:
        url: `unix://`, `tcp://` or `ssh://`.
        origin: what chose it, for messages.
        explicit: the user named it, so that no other may take its place.
        tls: for `tcp://`; None for plain HTTP.
    """

    url: str
    origin: str
    explicit: bool
    tls: Tls | None = None

    def __str__(self) -> str:
        return f"{self.url} ({self.origin})"

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0]

    @property
    def rest(self) -> str:
        """What follows the scheme."""
        return self.url.partition("://")[2]

    def client_variables(self) -> dict[str, str]:
        """What makes any `docker` client use this engine, whatever it would have found itself."""
        variables = {"DOCKER_HOST": self.url}
        if self.tls is not None:
            variables["DOCKER_CERT_PATH"] = self.tls.directory
            variables["DOCKER_TLS_VERIFY" if self.tls.verify else "DOCKER_TLS"] = "1"
        return variables


def locate(
    environment: Mapping[str, str],
    default_socket: str = DEFAULT_SOCKET,
    root_podman_socket: str = _ROOT_PODMAN_SOCKET,
) -> EngineAddress:
    """The engine that the `docker` client means with these variables.

    Args:
        environment: with those of `VARIABLES` that are set.
        default_socket: where Docker's engine listens.
        root_podman_socket: where Podman's service of the system listens.

    Raises:
        EngineChoiceError: a variable, or a file that it names, is wrong.
        NoEngineError: nothing names an engine, and no socket takes a connection.
    """
    if environment.get("DOCKER_HOST"):
        host = environment["DOCKER_HOST"]
        tls = _environment_tls(environment)
        return _address(host, "DOCKER_HOST", tls, default_socket, f"DOCKER_HOST={host}")
    context, chosen_by = _current_context(environment)
    if context != "default":
        return _context_address(environment, context, chosen_by, default_socket)
    return _first_socket(_sockets(environment, default_socket, root_podman_socket))


def docker_config(environment: Mapping[str, str]) -> str:
    """The directory with the `docker` client's configuration."""
    home = environment.get("HOME") or os.path.expanduser("~")
    return environment.get("DOCKER_CONFIG") or os.path.join(home, ".docker")


def _address(
    host: str, origin: str, tls: Tls | None, default_socket: str, where: str
) -> EngineAddress:
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "tcp", host
    if scheme == "unix":
        return EngineAddress(f"unix://{rest or default_socket}", origin, True)
    if scheme == "ssh" and rest.strip("/"):
        return EngineAddress(f"ssh://{rest}", origin, True)
    if scheme == "tcp":
        name, port = split_port(rest.rstrip("/"), 2376 if tls else 2375, where)
        return EngineAddress(f"tcp://{name}:{port}", origin, True, tls)
    raise EngineChoiceError(
        f"finding the container engine: {where}: no address of an engine. Fix: give {_FORMS}."
    )


def split_port(text: str, default: int, where: str) -> tuple[str, int]:
    """`host:port`, `host`, `[::1]:port` or `:port`; an IPv6 address keeps its brackets.

    Raises:
        EngineChoiceError: the port is no number; `where` is named.
    """
    bracket = text.rfind("]")
    colon = text.rfind(":")
    host, port = (text[:colon], text[colon + 1 :]) if colon > bracket else (text, "")
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        raise EngineChoiceError(
            f"finding the container engine: {where}: {port!r} is no port. Fix: give {_FORMS}."
        )
    return host or "localhost", int(port or default)


def _environment_tls(environment: Mapping[str, str]) -> Tls | None:
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    if not verify and not environment.get("DOCKER_TLS"):
        return None
    return Tls(environment.get("DOCKER_CERT_PATH") or docker_config(environment), verify)


def _current_context(environment: Mapping[str, str]) -> tuple[str, str]:
    """The context's name, and what chose it."""
    if environment.get("DOCKER_CONTEXT"):
        return environment["DOCKER_CONTEXT"], "DOCKER_CONTEXT"
    path = os.path.join(docker_config(environment), "config.json")
    try:
        config = _read_json(path)
    except FileNotFoundError:
        return "default", path
    return str(config.get("currentContext") or "default"), path


def _context_address(
    environment: Mapping[str, str], context: str, chosen_by: str, default_socket: str
) -> EngineAddress:
    store = os.path.join(docker_config(environment), "contexts")
    key = hashlib.sha256(context.encode()).hexdigest()
    try:
        endpoint = _read_json(os.path.join(store, "meta", key, "meta.json"))["Endpoints"]["docker"]
        host, skip_verify = str(endpoint["Host"]), bool(endpoint.get("SkipTLSVerify"))
    except (FileNotFoundError, KeyError, TypeError, AttributeError):
        raise EngineChoiceError(
            f"finding the container engine: context={context} (from {chosen_by}): {store} has no "
            "such context with an engine. Fix: `docker context ls` lists them; choose one with "
            "`docker context use`, or unset DOCKER_CONTEXT."
        ) from None
    directory = os.path.join(store, "tls", key, "docker")
    has_files = os.path.isdir(directory) and bool(os.listdir(directory))
    tls = Tls(directory, not skip_verify) if has_files or skip_verify else None
    origin = f"context {context}"
    return _address(host, origin, tls, default_socket, f"{origin}: Host={host}")


def _read_json(path: str) -> dict[str, Any]:
    """A JSON object. `FileNotFoundError` passes.

    Raises:
        EngineChoiceError: the file cannot be read, or is something else.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise EngineChoiceError(
            f"finding the container engine: file={path}: {error}. Fix: repair it, or name the "
            "engine with DOCKER_HOST."
        ) from None
    return content if isinstance(content, dict) else {}


def _sockets(
    environment: Mapping[str, str], default_socket: str, root_podman_socket: str
) -> Iterable[tuple[str, str]]:
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return (
        (default_socket, "default socket"),
        (os.path.join(runtime, "docker.sock"), "rootless Docker"),
        (os.path.join(runtime, "podman/podman.sock"), "Podman of this user"),
        (root_podman_socket, "Podman of the system"),
    )


def _first_socket(sockets: Iterable[tuple[str, str]]) -> EngineAddress:
    refusals = []
    for path, origin in sockets:
        refusal = _refusal(path)
        if refusal is None:
            return EngineAddress(f"unix://{path}", origin, False)
        refusals.append(f"{path} ({origin}): {refusal}")
    raise NoEngineError(
        "finding the container engine: DOCKER_HOST and the docker context name none, and no "
        f"socket takes a connection: {'; '.join(refusals)}. Fix: start an engine, or name one "
        f"with DOCKER_HOST ({_FORMS})."
    )


def _refusal(path: str) -> str | None:
    """Why a socket takes no connection; None if it does."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_CONNECT_SECONDS)
            client.connect(path)
    except socket.timeout:
        # It listens. That nothing answers is for the client to say.
        return None
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return None
        return error.strerror or str(error)
    return None


def report(address: EngineAddress, default_socket: str = DEFAULT_SOCKET) -> str:
    """What the program prints."""
    lines = [str(address)]
    if not address.explicit and address.url != f"unix://{default_socket}":
        lines += map("=".join, address.client_variables().items())
    return "".join(f"{line}\n" for line in lines)


def main(argv: Sequence[str]) -> int:
    default_socket = argv[0] if argv else DEFAULT_SOCKET
    try:
        address = locate(os.environ, default_socket)
    except (EngineChoiceError, NoEngineError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(report(address, default_socket))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
