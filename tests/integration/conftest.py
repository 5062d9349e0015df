"""Fixtures of the tests that need a real server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from integration.mariadb import MariaDB
from integration.postgresql import PostgreSQL

#: Seconds that every client of these tests waits unless it says otherwise. httpx's own 5 are too
#: few on a busy machine, and it has no public setting.
PATIENCE = 60.0
for _part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, _part, PATIENCE)


def _installed[S: (MariaDB, PostgreSQL)](kind: type[S]) -> Iterator[S]:
    # Short: the path of a socket is limited.
    folder = Path(tempfile.mkdtemp(prefix="db"))
    server = kind(folder)
    try:
        server.install()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDB]:
    """A server of its own for the module."""
    yield from _installed(MariaDB)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A server of its own for the module."""
    yield from _installed(PostgreSQL)
