"""Each database in turn, and a project on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.mariadb import MariaDB
from integration.migrations.long_migration import prepare
from integration.migrations.stores import (
    MariaDBStore,
    PostgreSQLStore,
    Project,
    SQLiteStore,
    Store,
)


@pytest.fixture
def mariadb_project(mariadb: MariaDB, tmp_path: Path) -> Project:
    """A project on an empty database of MariaDB."""
    store = MariaDBStore(mariadb.port)
    store.empty()
    return Project(tmp_path, store)


@pytest.fixture
def shop(mariadb_project: Project) -> Project:
    """A project with one applied migration, rows, and a long migration that is not applied."""
    prepare(mariadb_project)
    return mariadb_project


@pytest.fixture(params=["sqlite", "mariadb", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty database."""
    found: Store
    if request.param == "sqlite":
        found = SQLiteStore(tmp_path)
    elif request.param == "mariadb":
        found = MariaDBStore(request.getfixturevalue("mariadb").port)
    else:
        found = PostgreSQLStore(request.getfixturevalue("postgresql").port)
    found.empty()
    return found


@pytest.fixture
def project(store: Store, tmp_path: Path) -> Project:
    """A project on an empty database of each kind."""
    return Project(tmp_path, store)
