"""The DATABASES setting: from the spelling of Django, or one URL, to one checked form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from fastapp.exceptions import ImproperlyConfigured

SQLITE: Final = "sqlite3"
MYSQL: Final = "mysql"
POSTGRESQL: Final = "postgresql"

_ENGINES: Final = {
    "sqlite": SQLITE,
    "sqlite3": SQLITE,
    "django.db.backends.sqlite3": SQLITE,
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "django.db.backends.mysql": MYSQL,
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "django.db.backends.postgresql": POSTGRESQL,
}
_DEFAULT_PORTS: Final = {MYSQL: 3306, POSTGRESQL: 5432}
_KEYS: Final = ("ENGINE", "NAME", "HOST", "PORT", "USER", "PASSWORD", "OPTIONS", "URL")
_DEFAULT_SQLITE_NAME: Final = "db.sqlite3"


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """One checked entry of DATABASES.

    Attributes:
        alias: the key in DATABASES.
        engine: "sqlite3", "mysql" or "postgresql".
        name: database name, or for SQLite a file name (":memory:" is allowed).
        host: host name, or None for SQLite.
        port: TCP port, or None for SQLite.
        user: user name, or None.
        password: password, or None; never part of the repr.
        options: what the driver is given besides.
    """

    alias: str
    engine: str
    name: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the database is, for people: no user, no password."""
        if self.engine == SQLITE:
            return self.name
        socket = self.options.get("unix_socket")
        place = str(socket) if socket else f"{self.host}:{self.port}"
        return f"{place}/{self.name}"


def parse_databases(value: object) -> dict[str, DatabaseConfig]:
    """Check the whole setting.

    Args:
        value: a URL for the default database, or a mapping of alias to a mapping or a URL.

    Raises:
        ImproperlyConfigured: names the key that is wrong and what was expected.
    """
    if isinstance(value, str):
        value = {"default": value}
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(
            f"DATABASES: expected a mapping of alias to database, or one URL, "
            f"got {type(value).__name__}"
        )
    if "default" not in value:
        raise ImproperlyConfigured(
            "DATABASES: expected an entry named 'default', "
            f"got {', '.join(map(repr, value)) or 'no entry'}"
        )
    return {str(alias): parse_database(str(alias), entry) for alias, entry in value.items()}


def parse_database(alias: str, entry: object) -> DatabaseConfig:
    """Check one entry of DATABASES: a mapping in the spelling of Django, or a URL.

    Raises:
        ImproperlyConfigured: names the key that is wrong and what was expected.
    """
    where = f"DATABASES[{alias!r}]"
    if isinstance(entry, str):
        entry = _from_url(where, entry)
    if not isinstance(entry, Mapping):
        raise ImproperlyConfigured(
            f"{where}: expected a mapping or a URL, got {type(entry).__name__}"
        )
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        raise ImproperlyConfigured(
            f"{where}[{unknown[0]!r}]: no such key; expected one of {', '.join(_KEYS)} "
            f"(driver settings belong into OPTIONS)"
        )
    if entry.get("URL"):
        rest = {key: item for key, item in entry.items() if key != "URL"}
        entry = {**_from_url(where, str(entry["URL"])), **rest}
    return _build(alias, where, entry)


def _build(alias: str, where: str, entry: Mapping[str, Any]) -> DatabaseConfig:
    engine = _ENGINES.get(str(entry.get("ENGINE", "")))
    if engine is None:
        raise ImproperlyConfigured(
            f"{where}['ENGINE']: expected one of {', '.join(_ENGINES)}, got {entry.get('ENGINE')!r}"
        )
    options = entry.get("OPTIONS") or {}
    if not isinstance(options, Mapping):
        raise ImproperlyConfigured(
            f"{where}['OPTIONS']: expected a mapping, got {type(options).__name__}"
        )
    name = str(entry.get("NAME") or "")
    if engine == SQLITE:
        return DatabaseConfig(alias, engine, name or _DEFAULT_SQLITE_NAME, options=dict(options))
    if not name:
        raise ImproperlyConfigured(f"{where}['NAME']: expected the name of a database, got none")
    user = entry.get("USER")
    password = entry.get("PASSWORD")
    return DatabaseConfig(
        alias=alias,
        engine=engine,
        name=name,
        host=str(entry.get("HOST") or "localhost"),
        port=_port(where, entry.get("PORT"), _DEFAULT_PORTS[engine]),
        user=None if user in (None, "") else str(user),
        password=None if password in (None, "") else str(password),
        options=dict(options),
    )


def _port(where: str, value: object, default: int) -> int:
    if value in (None, ""):
        return default
    try:
        port = int(str(value))
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise ImproperlyConfigured(
            f"{where}['PORT']: expected a number from 1 to 65535, got {value!r}"
        )
    return port


def _from_url(where: str, url: str) -> dict[str, Any]:
    expected = "expected a URL such as mysql://user:password@host:3306/name or sqlite:///db.sqlite3"
    try:
        parts = urlsplit(url)
        # sqlite://:memory: has no port, and would not pass for one.
        port = None if _ENGINES.get(parts.scheme) == SQLITE else parts.port
    except ValueError as exc:
        # The URL holds a password: never repeat it, nor the text of the error, which does.
        raise ImproperlyConfigured(f"{where}: {expected}; the host or the port is wrong") from exc
    if parts.scheme not in _ENGINES:
        raise ImproperlyConfigured(
            f"{where}: {expected}; the scheme {parts.scheme!r} is none of {', '.join(_ENGINES)}"
        )
    entry: dict[str, Any] = {
        "ENGINE": parts.scheme,
        "NAME": _url_name(parts),
        "OPTIONS": dict(parse_qsl(parts.query, keep_blank_values=True)),
    }
    if _ENGINES[parts.scheme] != SQLITE:
        entry["HOST"] = parts.hostname
        entry["PORT"] = port
        entry["USER"] = unquote(parts.username) if parts.username else None
        entry["PASSWORD"] = unquote(parts.password) if parts.password else None
    return entry


def _url_name(parts: SplitResult) -> str:
    if _ENGINES[parts.scheme] == SQLITE:
        # sqlite://:memory:, sqlite:///relative.db and sqlite:////absolute.db, as usual.
        return unquote(parts.netloc + (parts.path[1:] if parts.path else ""))
    return unquote(parts.path.removeprefix("/"))
