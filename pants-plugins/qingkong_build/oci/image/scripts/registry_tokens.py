"""What a registry wants to see before it gives or takes anything. Standard library only."""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse

from http_client import Anonymous, Client, HttpError
from http_connection import Limits, basic
from network_settings import Origin, Settings, is_loopback, origin
from registry_login import Login, find_login

_TOKEN_BYTES = 1 << 20
# Token servers want to know which program asks with an identity token.
_CLIENT_ID = "qingkong-build"


class RegistryAuthorizer:
    """An `Authorizer` of one repository: what it says is for the registry's own origin alone."""

    def __init__(
        self, settings: Settings, limits: Limits, root: str, host: str, repository: str
    ) -> None:
        self._settings, self._limits = settings, limits
        self._origin, self._host, self._repository = origin(root), host, repository
        self._header = ""
        self.has_login = False

    def header(self, url: str) -> str:
        return self._header if origin(url) == self._origin else ""

    def answer(self, url: str, challenge: str) -> str:
        if origin(url) != self._origin:
            return ""
        login = find_login(self._settings, self._host, self._repository)
        self.has_login = login is not None
        before = self._header
        if re.search(r"\bbearer\s", challenge, re.I):
            self._header = self._token(url, challenge, login)
        elif re.search(r"\bbasic\b", challenge, re.I):
            self._header = basic(f"{login.user}:{login.password}") if login and login.user else ""
        # What was refused is not said again.
        return "" if self._header == before else self._header

    def _token(self, url: str, challenge: str, login: Login | None) -> str:
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = fields.get("realm", "")
        to = origin(realm)
        if to.scheme not in ("http", "https"):
            raise HttpError(url, f"it names no token server ({challenge!r})", "ask who runs it")
        if to.scheme == "http" and self._origin.scheme == "https" and not is_loopback(to.host):
            why = f"its token server {realm!r} would get the login without TLS"
            raise HttpError(url, why, "ask who runs the registry to use https")
        parameters = [(name, fields[name]) for name in ("service", "scope") if name in fields]
        if login is not None and login.identity_token:
            answer = self._client(None).call(
                "POST",
                realm,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=urllib.parse.urlencode(
                    [
                        ("grant_type", "refresh_token"),
                        ("client_id", _CLIENT_ID),
                        ("refresh_token", login.identity_token),
                        *parameters,
                    ]
                ).encode(),
                max_bytes=_TOKEN_BYTES,
            )
        else:
            separator = "&" if "?" in realm else "?"
            # A GET repeats `scope`; the POST above has all of them in one.
            query = [(name, word) for name, value in parameters for word in _words(name, value)]
            answer = self._client(login).call(
                "GET", f"{realm}{separator}{urllib.parse.urlencode(query)}", max_bytes=_TOKEN_BYTES
            )
        try:
            raw = json.loads(answer.content)
            return f"Bearer {raw.get('token') or raw['access_token']}"
        except (ValueError, KeyError, AttributeError, TypeError):
            raise HttpError(answer.url, "its answer has no token", "ask who runs it") from None

    def _client(self, login: Login | None) -> Client:
        """For the token server. A body with a token in it goes nowhere else."""
        limits = dataclasses.replace(self._limits, redirects=0)
        if login is None:
            return Client(self._settings, Anonymous(), limits)
        return Client(self._settings, _Basic(login), limits)


def _words(name: str, value: str) -> list[str]:
    return value.split() if name == "scope" else [value]


class _Basic:
    """An `Authorizer` for the first origin that it is asked for."""

    def __init__(self, login: Login) -> None:
        self._login, self._origin = login, Origin("", "", 0)

    def header(self, url: str) -> str:
        if not self._origin.host:
            self._origin = origin(url)
        is_ours = origin(url) == self._origin
        return basic(f"{self._login.user}:{self._login.password}") if is_ours else ""

    def answer(self, url: str, challenge: str) -> str:
        return ""
