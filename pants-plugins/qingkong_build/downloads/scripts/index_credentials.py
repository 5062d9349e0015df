"""Users and passwords of package indexes, found where pip finds them. Standard library only."""

from __future__ import annotations

import contextlib
import netrc
import os
import shutil
import subprocess
import urllib.parse

from http_connection import basic
from network_settings import Origin, Settings, SettingsError, origin, without_credentials

_KEYRING_SECONDS = 60


class IndexCredentials:
    """An `Authorizer`: addresses of indexes first, then netrc, and keyring when a server asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._of_keyring: dict[Origin, str] = {}

    def header(self, url: str) -> str:
        to = origin(url)
        given = (credentials for _, credentials in self._given(to) if ":" in credentials)
        known = self._of_keyring.get(to) or next(given, "")
        if not known:
            # One that cannot be read matters where a password is wanted.
            with contextlib.suppress(SettingsError):
                known = self._of_netrc(to.host)
        return basic(urllib.parse.unquote(known)) if known else ""

    def answer(self, url: str, challenge: str) -> str:
        to = origin(url)
        # A password that was refused is not tried again.
        if "basic" not in challenge.lower() or self.header(url) or to in self._of_keyring:
            return ""
        self._of_netrc(to.host)
        self._of_keyring[to] = self._ask_keyring(to)
        return self.header(url)

    def _given(self, to: Origin) -> list[tuple[str, str]]:
        """The addresses of this origin that have credentials, and these."""
        variable = self._settings.variable
        addresses = [
            *self._settings.indexes,
            *variable("PIP_INDEX_URL").split(),
            *variable("PIP_EXTRA_INDEX_URL").split(),
        ]
        for mapping in self._settings.path_mappings:
            path = mapping.partition("|")[2]
            # It begins with `//` where the lockfile has the scheme.
            addresses += [f"https:{path}", f"http:{path}"] if path.startswith("//") else [path]
        pairs = map(without_credentials, addresses)
        return [(bare, given) for bare, given in pairs if given and origin(bare) == to]

    def _of_netrc(self, host: str) -> str:
        named = self._settings.variable("NETRC")
        names = (
            [named]
            if named
            else [os.path.join(self._settings.home, n) for n in (".netrc", "_netrc")]
        )
        for path in names:
            if not os.path.exists(path):
                continue
            try:
                entry = netrc.netrc(path).authenticators(host)
            except (netrc.NetrcParseError, OSError) as error:
                # Its message may quote the file.
                raise SettingsError(
                    f"netrc={path!r}: it cannot be read ({type(error).__name__}). Fix: correct it; "
                    "each entry is `machine HOST login USER password PASSWORD`"
                ) from None
            if entry is not None:
                user, account, password = entry
                pair = (user or account or "", password or "")
                return ":".join(urllib.parse.quote(part) for part in pair)
        return ""

    def _ask_keyring(self, to: Origin) -> str:
        given = self._given(to)
        program = shutil.which("keyring", path=self._settings.variable("PATH") or os.defpath)
        # Who to ask for is in an address: https://USER@HOST/simple.
        if not given or program is None:
            return ""
        user = urllib.parse.unquote(given[0][1])
        services = [*(bare for bare, _ in given), urllib.parse.urlsplit(given[0][0]).netloc]
        for service in dict.fromkeys(services):
            password = self._ask(program, service, user)
            if password is not None:
                return f"{urllib.parse.quote(user)}:{urllib.parse.quote(password)}"
        return ""

    def _ask(self, program: str, service: str, user: str) -> str | None:
        """As pip's `subprocess` provider asks."""
        try:
            done = subprocess.run(
                [program, "get", service, user],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**self._settings.environment, "PYTHONIOENCODING": "utf-8"},
                timeout=_KEYRING_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        password = done.stdout.decode(errors="replace").rstrip("\r\n")
        return password if done.returncode == 0 and password else None
