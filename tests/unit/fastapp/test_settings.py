"""Settings: sources, merging, checks, secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from fastapp.conf import BaseSettings, override_settings, settings
from fastapp.conf.lazy import LazySettings, load_settings
from fastapp.conf.secret import require_secret_key, secret_key_problem
from fastapp.exceptions import ImproperlyConfigured

GOOD_KEY = "0123456789abcdef0123456789abcdef"


def test_defaults_are_safe() -> None:
    made = BaseSettings()
    assert made.DEBUG is False
    assert made.SECRET_KEY == ""
    assert made.ALLOWED_HOSTS == []
    assert made.HOST == "127.0.0.1"
    assert made.TIME_ZONE == "Asia/Shanghai"
    assert made.databases["default"].engine == "sqlite3"


def test_environment_overrides_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QK_DEBUG", "true")
    monkeypatch.setenv("QK_PORT", "9000")
    monkeypatch.setenv("QK_ALLOWED_HOSTS", "a.example, b.example")
    monkeypatch.setenv("QK_INSTALLED_APPS", '["apps.shop"]')
    made = BaseSettings()
    assert (made.DEBUG, made.PORT) == (True, 9000)
    assert made.ALLOWED_HOSTS == ["a.example", "b.example"]
    assert made.INSTALLED_APPS == ["apps.shop"]


def test_nested_environment_merges_into_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(BaseSettings):
        DATABASES = {  # noqa: RUF012 - a field, as Django users write it
            "default": {"ENGINE": "mysql", "NAME": "shop", "OPTIONS": {"echo": "0"}}
        }

    monkeypatch.setenv("QK_DATABASES__default__HOST", "db")
    monkeypatch.setenv("QK_DATABASES__default__PORT", "3307")
    monkeypatch.setenv("QK_DATABASES__default__OPTIONS__unix_socket", "/run/s")
    database = Settings().databases["default"]
    assert (database.host, database.port, database.name) == ("db", 3307, "shop")
    assert database.options == {"echo": "0", "unix_socket": "/run/s"}


def test_a_project_overrides_fields_with_or_without_annotations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Settings(BaseSettings):
        ALLOWED_HOSTS = ["a.example"]  # noqa: RUF012 - a field, as Django users write it
        DATABASES: dict[str, Any] = {"default": {"ENGINE": "sqlite3"}}  # noqa: RUF012
        OWN_THING: int = 5

    assert (Settings().ALLOWED_HOSTS, Settings().OWN_THING) == (["a.example"], 5)
    monkeypatch.setenv("QK_ALLOWED_HOSTS", "b.example,c.example")
    monkeypatch.setenv("QK_DATABASES", "mysql://db/shop")
    monkeypatch.setenv("QK_OWN_THING", "6")
    assert Settings().ALLOWED_HOSTS == ["b.example", "c.example"]
    assert Settings().databases["default"].engine == "mysql"
    assert Settings().OWN_THING == 6


@pytest.mark.parametrize("name", ["QK_DATABASES", "QK_DATABASES__default"])
def test_a_database_url_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mysql://me:p%40ss@db/shop")
    database = BaseSettings().databases["default"]
    assert (database.engine, database.host, database.password) == ("mysql", "db", "p@ss")


def test_dotenv_is_read_below_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".env").write_text("QK_PORT=7000\nQK_LOG_LEVEL=ERROR\nOTHER=1\n")
    monkeypatch.setenv("QK_BASE_DIR", str(project))
    monkeypatch.setenv("QK_LOG_LEVEL", "DEBUG")
    made = BaseSettings()
    assert (made.PORT, made.LOG_LEVEL) == (7000, "DEBUG")


def test_apps_are_discovered_in_order_of_name(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, mark in {"zoo": "urls", "art": "apps", "no_mark": "views"}.items():
        (project / "apps" / name).mkdir(parents=True)
        (project / "apps" / name / f"{mark}.py").touch()
    monkeypatch.setenv("QK_BASE_DIR", str(project))
    assert BaseSettings().INSTALLED_APPS == ["apps.art", "apps.zoo"]
    monkeypatch.setenv("QK_INSTALLED_APPS", "[]")
    assert BaseSettings().INSTALLED_APPS == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("QK_PORT", "many", "PORT: .*integer.*'many'.*QK_PORT"),
        ("QK_TIME_ZONE", "Mars/Base", "TIME_ZONE: expected the IANA name.*'Mars/Base'"),
        ("QK_TIME_ZONE", "../../etc/passwd", "TIME_ZONE: expected the IANA name"),
        ("QK_INSTALLED_APPS", '["apps.shop"', "INSTALLED_APPS: expected a JSON list"),
        (
            "QK_DATABASES__default__ENGINE",
            "oracle",
            r"DATABASES\['default'\]\['ENGINE'\]: expected",
        ),
        (
            "QK_CORS_ALLOWED_ORIGINS",
            "example.com",
            "CORS_ALLOWED_ORIGINS: expected an exact origin",
        ),
        ("QK_CORS_ALLOWED_ORIGINS", "https://*.example.com", "expected an exact origin"),
        ("QK_LOG_LEVEL", "LOUD", "LOG_LEVEL: .*'LOUD'"),
    ],
)
def test_errors_name_the_key_and_what_was_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=expected):
        BaseSettings()


def test_broken_json_names_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QK_CACHES", "{broken")
    with pytest.raises(ImproperlyConfigured, match='"CACHES".*expected valid JSON'):
        BaseSettings()


def test_errors_do_not_show_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QK_DATABASES", "mysql://me:hunter2@db:notaport/shop")
    with pytest.raises(ImproperlyConfigured) as caught:
        BaseSettings()
    assert "hunter2" not in str(caught.value)


def test_repr_and_masked_hide_secrets() -> None:
    made = BaseSettings.from_values(
        {
            "SECRET_KEY": GOOD_KEY,
            "EMAIL_HOST_PASSWORD": "hunter1",
            "DATABASES": {
                "default": "mysql://me:hunter2@db/shop",
                "other": {"ENGINE": "mysql", "NAME": "x", "PASSWORD": "hunter3"},
            },
            "CACHES": {"default": {"LOCATION": "redis://:hunter4@cache/0"}},
        }
    )
    shown = repr(made) + str(made) + repr(made.masked()) + repr(made.databases)
    assert GOOD_KEY not in shown
    for number in range(1, 5):
        assert f"hunter{number}" not in shown
    assert made.masked()["ACCESS_TOKEN_LIFETIME"] != "********"


@pytest.mark.parametrize("key", ["", "short", "a" * 64, "change-me-" + GOOD_KEY])
def test_start_is_refused_with_an_unusable_secret_key(key: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY.*QK_SECRET_KEY"):
        require_secret_key(BaseSettings.from_values({"SECRET_KEY": key}))


def test_no_default_secret_exists() -> None:
    assert secret_key_problem(str(BaseSettings.model_fields["SECRET_KEY"].default)) is not None
    assert secret_key_problem(GOOD_KEY) is None


def test_debug_makes_a_random_secret_that_workers_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QK_DEBUG", "1")
    monkeypatch.delenv("QK_SECRET_KEY", raising=False)
    first = BaseSettings()
    require_secret_key(first)
    assert secret_key_problem(first.SECRET_KEY) is None
    assert BaseSettings().SECRET_KEY == first.SECRET_KEY
    monkeypatch.delenv("QK_SECRET_KEY")
    second = BaseSettings()
    require_secret_key(second)
    assert second.SECRET_KEY != first.SECRET_KEY


def test_settings_are_read_only() -> None:
    with pytest.raises(AttributeError, match="read-only"):
        settings.DEBUG = True


def test_override_settings_validates_and_restores() -> None:
    before = settings.PORT
    with override_settings(PORT=1234, DATABASES={"default": {"ENGINE": "sqlite3", "NAME": "x"}}):
        assert settings.PORT == 1234
        assert settings.databases["default"].name == "x"
    assert before == settings.PORT
    with pytest.raises(ImproperlyConfigured, match="PORT"), override_settings(PORT="many"):
        pass
    with (
        pytest.raises(ImproperlyConfigured, match="no setting named PROT"),
        override_settings(PROT=1),
    ):
        pass


def write_module(project: Path, text: str) -> str:
    (project / "own_settings.py").write_text(text)
    sys.modules.pop("own_settings", None)
    return "own_settings"


def test_the_module_is_named_by_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write_module(
        project,
        "from fastapp.conf import BaseSettings\n"
        "class Settings(BaseSettings):\n    PORT: int = 4321\n"
        "settings = Settings()\n",
    )
    monkeypatch.setenv("FASTAPP_SETTINGS_MODULE", name)
    lazy = LazySettings()
    assert not lazy.configured
    assert lazy.PORT == 4321
    assert lazy.configured


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import no_such_package_at_all\n", "is broken: .*no_such_package_at_all"),
        ("1 / 0\n", "is broken: ZeroDivisionError"),
        ("settings = {}\n", "must have an object named 'settings'.*got dict"),
        ("", "must have an object named 'settings'"),
    ],
)
def test_a_broken_settings_module(project: Path, text: str, expected: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=expected):
        load_settings(write_module(project, text))


def test_a_missing_settings_module() -> None:
    with pytest.raises(ImproperlyConfigured, match="'nowhere.settings' cannot be found"):
        load_settings("nowhere.settings")
