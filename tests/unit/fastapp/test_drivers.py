"""Drivers that are not installed: one clear message, and never a need for one that is not used."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from unit.fastapp.support import SECRET, SETTINGS, manage

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
    expected = f"'{engine}' needs the package '{driver}', which is not installed. Fix: add it"
    with pytest.raises(ImproperlyConfigured, match=expected):
        importlib.import_module(module)


def test_check_tells_of_a_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapp.db.config.installed", lambda name: name != "asyncmy")
    with override_settings(DATABASES={"default": "mysql://db/shop"}):
        found = list(check_database_settings())
    assert [message.number for message in found] == ["fastapp.E062"]
    assert "needs the package 'asyncmy', which is not installed. Fix: add it" in found[0].message
    with override_settings(DATABASES={"default": {"ENGINE": "sqlite3"}}):
        assert list(check_database_settings()) == []


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["runserver-aio"], "uvloop"),
        (["runserver"], "httptools"),
        (["serve-static", "."], "websockets"),
        (["gateway", "--upstream", "shop=http://127.0.0.1:1"], "aiohttp"),
    ],
)
def test_a_server_names_its_command_and_the_missing_package(
    project: Path, arguments: list[str], package: str
) -> None:
    lacking = (
        "import importlib.util as util\nfind = util.find_spec\n"
        f"util.find_spec = lambda name, *more: None if name == {package!r} else find(name, *more)\n"
    )
    (project / "own_settings.py").write_text(lacking + SETTINGS, encoding="utf-8")
    done = manage(project, *arguments, QK_SECRET_KEY=SECRET)
    assert done.returncode == 1, done.stderr
    expected = f"{arguments[0]} needs the package '{package}', which is not installed. Fix: add it"
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
