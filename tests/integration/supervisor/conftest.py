"""Two apps, served until a test of the module ends them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.supervisor.support import URLS, Running, runserver, write_project


@pytest.fixture(scope="module")
def two_apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """``runserver`` with the apps "one" and "two"; shared by the tests of a module."""
    project: Path = tmp_path_factory.mktemp("project")
    ports = write_project(project, one=URLS, two=URLS)
    with runserver(project, ports) as running:
        yield running
