"""Pants as pip installs it, once for all repositories."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from adoption.repository import Pants, find_python
from pages import Section, read_sections

PAGE = Path("docs/adopt.md")
FOUNDATION = ("Set up", "Requirements", "A native wheel")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("adoption")
    yield path
    # Much larger than what pytest is meant to keep for a look afterwards.
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def foundation() -> list[Section]:
    return [read_sections(PAGE)[title] for title in FOUNDATION]


@pytest.fixture(scope="session")
def pants(scratch: Path, foundation: list[Section]) -> Pants:
    """The version that the page names, on the interpreter that it runs on."""
    python = find_python("3.9")
    assert python is not None, "Pants needs CPython 3.9: install it, or set PANTS_PYTHON39"
    settings = tomllib.loads(foundation[0].files["pants.toml"])
    return Pants.install(scratch, python, settings["GLOBAL"]["pants_version"])
