"""From a checked entry of DATABASES to what Tortoise ORM wants to know about a connection.

Pure functions: no driver is imported here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastapp.conf.databases import MYSQL, POSTGRESQL, SQLITE, DatabaseConfig
from fastapp.exceptions import ImproperlyConfigured

ENGINES = {
    SQLITE: "fastapp.db.backends.sqlite",
    MYSQL: "fastapp.db.backends.mysql",
    POSTGRESQL: "fastapp.db.backends.postgresql",
}

#: The package that talks to each kind of database.
DRIVERS = {SQLITE: "aiosqlite", MYSQL: "asyncmy", POSTGRESQL: "asyncpg"}

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


def to_bool(value: Any) -> bool:
    """A truth value, also from the text of an environment variable.

    Raises:
        ValueError: it is neither true nor false.
    """
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError("expected true or false")


def _ssl(value: Any) -> Any:
    """TLS: true, or a mapping of what the driver makes a context of."""
    if isinstance(value, Mapping):
        known = {"ca", "capath", "cert", "key", "cipher", "check_hostname", "verify_mode"}
        unknown = sorted(set(value) - known)
        if unknown:
            raise ValueError(f"no such key {unknown[0]!r}; expected {', '.join(sorted(known))}")
        options = dict(value)
        if "check_hostname" in options:
            options["check_hostname"] = to_bool(options["check_hostname"])
        return options
    return to_bool(value)


def _seconds(value: Any) -> float | None:
    """A time limit; 0 is none.

    Raises:
        ValueError: it is no number of seconds.
    """
    seconds = float(value)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError("expected seconds, or 0 for no limit")
    return seconds or None


Cast = Callable[[Any], Any]

#: Seconds that a server waits for a database: for a connection, and for the answer to a statement.
#: Together less than the gateway waits for the server (GATEWAY_READ_TIMEOUT): 503 comes first.
POOL_TIMEOUT = 20.0
STATEMENT_TIMEOUT = 30.0

#: What limits a statement, by engine. Commands have no such limit: a migration may take hours.
_STATEMENT_OPTIONS = {MYSQL: "read_timeout", POSTGRESQL: "command_timeout"}

#: Options of MySQL by the name in OPTIONS: the name for the driver, and how to read the value.
MYSQL_OPTIONS: dict[str, tuple[str, Cast]] = {
    "pool_min_size": ("minsize", int),
    "pool_max_size": ("maxsize", int),
    "minsize": ("minsize", int),
    "maxsize": ("maxsize", int),
    "pool_recycle": ("pool_recycle", int),
    "pool_timeout": ("pool_timeout", _seconds),
    "connect_timeout": ("connect_timeout", float),
    "read_timeout": ("read_timeout", _seconds),
    "charset": ("charset", str),
    "unix_socket": ("unix_socket", str),
    "ssl": ("ssl", _ssl),
    "sql_mode": ("sql_mode", str),
    "time_zone": ("time_zone", str),
    "init_command": ("init_command", str),
    "storage_engine": ("storage_engine", str),
    "stmt_cache_size": ("stmt_cache_size", int),
    "program_name": ("program_name", str),
    "read_default_file": ("read_default_file", str),
    "server_public_key": ("server_public_key", str),
    "local_infile": ("local_infile", to_bool),
    "echo": ("echo", to_bool),
}

POSTGRESQL_OPTIONS: dict[str, tuple[str, Cast]] = {
    "pool_min_size": ("minsize", int),
    "pool_max_size": ("maxsize", int),
    "minsize": ("minsize", int),
    "maxsize": ("maxsize", int),
    "pool_timeout": ("pool_timeout", _seconds),
    "schema": ("schema", str),
    "application_name": ("application_name", str),
    "timeout": ("timeout", float),
    "command_timeout": ("command_timeout", _seconds),
    "statement_cache_size": ("statement_cache_size", int),
    "max_inactive_connection_lifetime": ("max_inactive_connection_lifetime", float),
    "ssl": ("ssl", lambda value: value),
}


def connection_config(
    config: DatabaseConfig, data_dir: Path, *, serving: bool = False
) -> dict[str, Any]:
    """The ``connections`` entry for Tortoise ORM.

    Args:
        config: the database.
        data_dir: folder that a relative SQLite file name is in.
        serving: whether it is for a server, whose statements are limited.

    Raises:
        ImproperlyConfigured: names the option that is wrong and what was expected.
    """
    if config.engine == SQLITE:
        credentials = {"file_path": sqlite_path(config, data_dir), **config.options}
    else:
        table = MYSQL_OPTIONS if config.engine == MYSQL else POSTGRESQL_OPTIONS
        credentials = {
            "host": config.host,
            "port": config.port,
            "user": config.user or "",
            "password": config.password or "",
            "database": config.name,
            **({_STATEMENT_OPTIONS[config.engine]: STATEMENT_TIMEOUT} if serving else {}),
            **_options(config, table),
        }
    return {"engine": ENGINES[config.engine], "credentials": credentials}


def sqlite_path(config: DatabaseConfig, data_dir: Path) -> str:
    """The file of an SQLite database; ":memory:" and "file:" URIs are left as they are."""
    if config.name == ":memory:" or config.name.startswith("file:"):
        return config.name
    return str(data_dir / config.name)


def _options(config: DatabaseConfig, table: Mapping[str, tuple[str, Cast]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in config.options.items():
        where = f"DATABASES[{config.alias!r}]['OPTIONS'][{key!r}]"
        if key not in table:
            raise ImproperlyConfigured(
                f"{where}: no such option; expected one of {', '.join(sorted(table))}. "
                "Fix: correct its name, or remove it."
            )
        name, cast = table[key]
        try:
            found[name] = cast(value)
        except (TypeError, ValueError) as exc:
            raise ImproperlyConfigured(
                f"{where}={value!r}: {exc}. Fix: correct the value."
            ) from exc
    return found
