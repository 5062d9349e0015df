"""Fixtures of the tests that need a real server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.mariadb import MariaDB


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDB]:
    """A server of its own for the module."""
    folder = Path(tempfile.mkdtemp(prefix="mdb"))
    server = MariaDB(folder)
    try:
        server.install()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
