"""DATABASES: the spellings of Django, URLs, and what the drivers are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastapp.conf import BaseSettings
from fastapp.conf.databases import parse_database, parse_databases
from fastapp.db.credentials import (
    POOL_TIMEOUT,
    STATEMENT_TIMEOUT,
    connection_config,
    sqlite_path,
)
from fastapp.exceptions import ImproperlyConfigured


@pytest.mark.parametrize(
    ("spelling", "engine"),
    [
        ("mysql", "mysql"),
        ("django.db.backends.mysql", "mysql"),
        ("sqlite3", "sqlite3"),
        ("django.db.backends.sqlite3", "sqlite3"),
        ("postgresql", "postgresql"),
        ("django.db.backends.postgresql", "postgresql"),
    ],
)
def test_engines(spelling: str, engine: str) -> None:
    assert parse_database("default", {"ENGINE": spelling, "NAME": "x"}).engine == engine


def test_a_mapping_in_full() -> None:
    found = parse_database(
        "default",
        {
            "ENGINE": "mysql",
            "NAME": "shop",
            "HOST": "db",
            "PORT": "3307",
            "USER": "me",
            "PASSWORD": "secret",
            "OPTIONS": {"unix_socket": "/run/mysqld.sock"},
        },
    )
    assert (found.name, found.host, found.port) == ("shop", "db", 3307)
    assert (found.user, found.password) == ("me", "secret")
    assert found.address == "/run/mysqld.sock/shop"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://me:p%40ss@db:3307/shop", ("mysql", "shop", "db", 3307, "me", "p@ss")),
        ("postgresql://db/shop", ("postgresql", "shop", "db", 5432, None, None)),
        ("sqlite://:memory:", ("sqlite3", ":memory:", None, None, None, None)),
        ("sqlite:///data.db", ("sqlite3", "data.db", None, None, None, None)),
        ("sqlite:////srv/data.db", ("sqlite3", "/srv/data.db", None, None, None, None)),
    ],
)
def test_urls(url: str, expected: tuple[Any, ...]) -> None:
    found = parse_databases(url)["default"]
    assert (
        found.engine,
        found.name,
        found.host,
        found.port,
        found.user,
        found.password,
    ) == expected


def test_url_options_and_keys_beside_a_url() -> None:
    entry = {"URL": "mysql://db/shop?pool_max_size=7", "PASSWORD": "secret"}
    found = parse_database("default", entry)
    assert found.options == {"pool_max_size": "7"}
    assert found.password == "secret"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "DATABASES: expected a mapping"),
        ({}, "expected an entry named 'default'"),
        ({"other": {}}, "expected an entry named 'default', got 'other'"),
        ({"default": 5}, r"DATABASES\['default'\]: expected a mapping or a URL, got int"),
        ({"default": {}}, r"\['ENGINE'\]: expected one of .*mysql.*got None"),
        ({"default": {"ENGINE": "mysql"}}, r"\['NAME'\]: expected the name of a database"),
        ({"default": {"ENGINE": "mysql", "NAME": "x", "PORT": "a"}}, r"\['PORT'\]: expected a num"),
        ({"default": {"ENGINE": "mysql", "NAME": "x", "PORT": 70000}}, r"\['PORT'\]: expected"),
        ({"default": {"ENGINE": "mysql", "NAME": "x", "OPTIONS": 1}}, r"\['OPTIONS'\]: expected"),
        ({"default": {"engine": "mysql"}}, r"\['engine'\]: no such key; expected one of ENGINE"),
        ("ftp://x/y", "the scheme 'ftp' is none of"),
        ("mysql://me:secret@h:port/x", "the host or the port is wrong"),
    ],
)
def test_errors(value: object, expected: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=expected) as caught:
        parse_databases(value)
    assert "secret" not in str(caught.value)


def test_sqlite_files_lie_in_the_data_folder(tmp_path: Path) -> None:
    def path(name: str) -> str:
        return sqlite_path(parse_database("x", {"ENGINE": "sqlite3", "NAME": name}), tmp_path)

    assert path("") == str(tmp_path / "db.sqlite3")
    assert path("sub/a.db") == str(tmp_path / "sub/a.db")
    assert path("/srv/a.db") == "/srv/a.db"
    assert path(":memory:") == ":memory:"


def test_mysql_options_are_cast(tmp_path: Path) -> None:
    options = {"pool_max_size": "7", "connect_timeout": "2.5", "ssl": {"check_hostname": "false"}}
    found = parse_database("default", {"ENGINE": "mysql", "NAME": "x", "OPTIONS": options})
    credentials = connection_config(found, tmp_path)["credentials"]
    assert credentials["maxsize"] == 7
    assert credentials["connect_timeout"] == 2.5
    assert credentials["ssl"] == {"check_hostname": False}


@pytest.mark.parametrize(
    ("engine", "option"), [("mysql", "read_timeout"), ("postgresql", "command_timeout")]
)
def test_statements_of_servers_have_a_limit(tmp_path: Path, engine: str, option: str) -> None:
    def credentials(serving: bool, **options: Any) -> dict[str, Any]:
        entry = {"ENGINE": engine, "NAME": "x", "OPTIONS": options}
        found = parse_database("default", entry)
        made: dict[str, Any] = connection_config(found, tmp_path, serving=serving)["credentials"]
        return made

    assert credentials(True)[option] == 30.0
    assert option not in credentials(False)
    for serving in (True, False):
        assert credentials(serving, **{option: "120"})[option] == 120.0
        assert credentials(serving, **{option: "0"})[option] is None
        assert credentials(serving, pool_timeout="0.5")["pool_timeout"] == 0.5


def test_the_gateway_waits_for_longer_than_a_server_for_its_database() -> None:
    gateway = BaseSettings.model_fields["GATEWAY_READ_TIMEOUT"].default
    # The rest is for the answer itself.
    assert gateway - 10 >= POOL_TIMEOUT + STATEMENT_TIMEOUT


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"pool_max_sise": 7},
            r"\['OPTIONS'\]\['pool_max_sise'\]: no such option; expected one of.*Fix: ",
        ),
        ({"pool_max_size": "many"}, r"\['pool_max_size'\]='many': .*Fix: "),
        ({"read_timeout": -1}, r"\['read_timeout'\]=-1: expected seconds, or 0 .*Fix: "),
        ({"pool_timeout": "inf"}, r"\['pool_timeout'\]='inf': expected seconds, or 0 .*Fix: "),
        ({"ssl": "perhaps"}, r"\['ssl'\]='perhaps': expected true or false. Fix: "),
        (
            {"ssl": {"certificate": "x"}},
            r"\['ssl'\]=.*: no such key 'certificate'; expected ca.*Fix: ",
        ),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], expected: str) -> None:
    found = parse_database("default", {"ENGINE": "mysql", "NAME": "x", "OPTIONS": options})
    with pytest.raises(ImproperlyConfigured, match=expected):
        connection_config(found, tmp_path)
