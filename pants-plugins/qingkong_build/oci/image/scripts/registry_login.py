"""Logins of image registries, found where Docker and Podman keep them. Standard library only.

Files, in this order: `$REGISTRY_AUTH_FILE`, Docker's `config.json`, Podman's `auth.json`. In each,
a credential helper goes before what the file itself has.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from network_settings import Settings

# Docker Hub has three names: in references, of its API, and of logins (an older API's address).
HUB = "docker.io"
_HUB_API = "registry-1.docker.io"
_HUB_LOGIN = "https://index.docker.io/v1/"
_HUB_NAMES = frozenset({HUB, "index.docker.io", _HUB_API, "registry.hub.docker.com"})
_HELPER_SECONDS = 60
# What helpers and files have in place of a user beside an identity token.
_TOKEN_USER = "<token>"


class LoginError(Exception):
    """Where logins are kept cannot be read: what, why, and how to fix it."""


@dataclass(frozen=True)
class Login:
    """Either a user with a password, or an identity token that a token server takes."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @classmethod
    def of(cls, user: str, secret: str) -> Login:
        return cls(identity_token=secret) if user == _TOKEN_USER else cls(user, secret)


def is_hub(host: str) -> bool:
    """Whether a reference's host means Docker Hub."""
    return host in _HUB_NAMES


def api_host(host: str) -> str:
    """The host that answers for a reference's host."""
    return _HUB_API if is_hub(host) else host


def find_login(settings: Settings, host: str, repository: str) -> Login | None:
    """The login for a repository, if there is one. Raises `LoginError`."""
    for path in _files(settings):
        if not os.path.exists(path):
            continue
        try:
            with open(path, encoding="utf-8") as file:
                config = json.load(file)
            login = _in_config(settings, config, host, repository)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            # Not its message: it may quote the file.
            raise LoginError(
                f"the logins in {path!r} cannot be read ({type(error).__name__}). Fix: correct or "
                f"remove the file, then: docker login {host}"
            ) from None
        if login is not None:
            return login
    return None


def _files(settings: Settings) -> Iterator[str]:
    named = settings.variable("REGISTRY_AUTH_FILE")
    if named:
        yield named
    docker = settings.variable("DOCKER_CONFIG") or os.path.join(settings.home, ".docker")
    yield os.path.join(docker, "config.json")
    for folder in (
        settings.variable("XDG_RUNTIME_DIR"),
        settings.variable("XDG_CONFIG_HOME") or os.path.join(settings.home, ".config"),
    ):
        if folder:
            yield os.path.join(folder, "containers", "auth.json")


def _in_config(
    settings: Settings, config: Mapping[str, Any], host: str, repository: str
) -> Login | None:
    key = _HUB_LOGIN if is_hub(host) else host
    helpers = config.get("credHelpers") or {}
    for helper in (helpers.get(key) or helpers.get(host), config.get("credsStore")):
        login = _of_helper(settings, helper, key) if helper else None
        if login is not None:
            return login
    auths = config.get("auths") or {}
    for name in _keys(host, repository, auths):
        login = _of_entry(auths[name] or {})
        if login is not None:
            return login
    return None


def _keys(host: str, repository: str, auths: Mapping[str, Any]) -> Iterator[str]:
    """The names of entries that are for the repository, the nearest first."""
    parts = [host, *repository.split("/")]
    # Podman has logins for a part of a registry, too.
    exact = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    yield from (name for name in exact if name in auths)
    for name in auths:
        bare = urllib.parse.urlsplit(name if "://" in name else f"//{name}")
        # Older entries are addresses: https://HOST/v1/.
        is_address = "://" in name or bare.path.strip("/") in ("", "v1", "v2")
        is_host = bare.netloc == host or (is_hub(host) and is_hub(bare.netloc))
        if is_address and is_host and name not in exact:
            yield name


def _of_entry(entry: Mapping[str, Any]) -> Login | None:
    if entry.get("identitytoken"):
        return Login(identity_token=str(entry["identitytoken"]))
    if entry.get("auth"):
        user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        return Login.of(user, password.rstrip("\0"))
    if entry.get("username"):
        return Login.of(str(entry["username"]), str(entry.get("password", "")))
    return None


def _of_helper(settings: Settings, helper: str, key: str) -> Login | None:
    name = f"docker-credential-{helper}"
    program = shutil.which(name, path=settings.variable("PATH") or os.defpath)
    if program is None:
        raise LoginError(
            f"the credential helper {name!r}, which is configured for {key}, is not in PATH. Fix: "
            "install it, or take it out of the configuration (credHelpers, credsStore)"
        )
    try:
        done = subprocess.run(
            [program, "get"],
            input=key.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(settings.environment),
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LoginError(
            f"the credential helper {name!r} did not answer in {_HELPER_SECONDS} seconds. Fix: "
            f"see what it waits for: echo {key} | {name} get"
        ) from None
    # It has none for this registry.
    if done.returncode != 0:
        return None
    answer = json.loads(done.stdout)
    return Login.of(answer["Username"], answer["Secret"])
