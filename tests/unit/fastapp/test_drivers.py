"""Drivers that are not installed: one clear message, and never a need for one that is not used."""

from __future__ import annotations

import importlib
import sys

import pytest

from fastapp.checks.database import check_database_settings
from fastapp.conf import override_settings
from fastapp.exceptions import ImproperlyConfigured


@pytest.mark.parametrize(("engine", "driver"), [("mysql", "asyncmy"), ("postgresql", "asyncpg")])
def test_a_missing_driver_is_named(
    monkeypatch: pytest.MonkeyPatch, engine: str, driver: str
) -> None:
    module = f"fastapp.db.backends.{engine}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    # None makes the import fail as that of a package that is not there.
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(ImproperlyConfigured, match=f"'{engine}' needs the package '{driver}'"):
        importlib.import_module(module)


def test_check_tells_of_a_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapp.db.config.installed", lambda name: name != "asyncmy")
    with override_settings(DATABASES={"default": "mysql://db/shop"}):
        found = list(check_database_settings())
    assert [message.number for message in found] == ["fastapp.E062"]
    assert "needs the package 'asyncmy', which is not installed" in found[0].message
    with override_settings(DATABASES={"default": {"ENGINE": "sqlite3"}}):
        assert list(check_database_settings()) == []
