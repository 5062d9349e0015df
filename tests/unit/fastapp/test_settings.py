"""Settings: sources, merging, checks, secrets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fastapp.conf import BaseSettings, override_settings, settings
from fastapp.conf.lazy import LazySettings, load_settings
from fastapp.conf.required import require_settings
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
        ("QK_DEBUG", "maybe", "QK_DEBUG='maybe': expected a valid boolean"),
        ("QK_PORT", "many", "QK_PORT='many': expected a valid integer"),
        ("QK_HOST", "", "QK_HOST='': expected an address"),
        ("QK_HOST", "0.0.0.0:80", "QK_HOST='0.0.0.0:80': expected an address"),
        ("QK_BASE_DIR", "/no/such/folder", "QK_BASE_DIR='/no/such/folder': expected a folder"),
        ("QK_TIME_ZONE", "Mars/Base", "QK_TIME_ZONE='Mars/Base': expected the IANA name"),
        ("QK_TIME_ZONE", "../../etc/passwd", "QK_TIME_ZONE=.*: expected the IANA name"),
        ("QK_ALLOWED_HOSTS", "https://a.example", "QK_ALLOWED_HOSTS=.*: expected host names"),
        ("QK_ALLOWED_HOSTS", "a.example:443", "QK_ALLOWED_HOSTS=.*: expected host names"),
        ("QK_INSTALLED_APPS", '["apps.shop"', "QK_INSTALLED_APPS=.*: expected a JSON list"),
        ("QK_MIDDLEWARE", "Timing", "QK_MIDDLEWARE='Timing': expected dotted paths"),
        ("QK_LIFESPANS", "a..b", "QK_LIFESPANS='a..b': expected dotted paths"),
        ("QK_TRUSTED_PROXIES", "proxy.example", "QK_TRUSTED_PROXIES=.*: expected IP addresses"),
        ("QK_TRUSTED_PROXIES", "10.0.0.0/99", "QK_TRUSTED_PROXIES=.*: expected IP addresses"),
        ("QK_CLIENT_TIMEOUT", "inf", "QK_CLIENT_TIMEOUT='inf': expected a finite number"),
        ("QK_GATEWAY_INTERNAL_SEGMENTS", "a/b", "QK_GATEWAY_INTERNAL_SEGMENTS='a/b': expected"),
        ("QK_GATEWAY_BALANCING", "random", "QK_GATEWAY_BALANCING='random': expected"),
        ("QK_UPSTREAMS", "{broken", "QK_UPSTREAMS: expected a JSON object"),
        ("QK_UPSTREAMS", '{"shop": 5}', r"QK_UPSTREAMS=.*: expected"),
        ("QK_DATABASES__default__ENGINE", "oracle", "QK_DATABASES__default__ENGINE: expected one"),
        ("QK_DATABASES__default", "mysql://db/", "QK_DATABASES__default: expected the name of"),
        ("QK_CORS_ALLOWED_ORIGINS", "example.com", "QK_CORS_ALLOWED_ORIGINS=.*: expected exact"),
        ("QK_CORS_ALLOWED_ORIGINS", "https://*.b.example", "QK_CORS_.*: expected exact origins"),
        ("QK_CORS_ALLOW_METHODS", "GET POST", "QK_CORS_ALLOW_METHODS='GET POST': expected"),
        ("QK_CORS_EXPOSE_HEADERS", "X-A: b", "QK_CORS_EXPOSE_HEADERS='X-A: b': expected"),
        ("QK_DEFAULT_PAGE_SIZE", "200", r"QK_DEFAULT_PAGE_SIZE: expected at most MAX_PAGE_SIZE"),
        ("QK_LOG_LEVEL", "LOUD", "QK_LOG_LEVEL='LOUD': expected 'DEBUG'"),
        ("QK_LOGGING", '{"handler": {}}', "QK_LOGGING=.*: 'handler' is no key.*'handlers'"),
        ("QK_LOGGING", '{"loggers": []}', "QK_LOGGING=.*: 'loggers': expected a mapping"),
        ("QK_TRACE_SAMPLE_RATIO", "2", "QK_TRACE_SAMPLE_RATIO='2': expected less than or equal"),
        ("QK_OTLP_ENDPOINT", "collector", "QK_OTLP_ENDPOINT='collector': expected a URL"),
    ],
)
def test_one_wrong_variable_is_one_error_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(
        ImproperlyConfigured, match=f"^settings in the environment: {expected}"
    ) as e:
        BaseSettings()
    assert str(e.value).endswith(f". Fix: change {name} in the environment.")
    assert len(str(e.value).splitlines()) == 1


def test_a_lower_maximum_needs_no_other_size_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QK_MAX_PAGE_SIZE", "5")
    assert BaseSettings().MAX_PAGE_SIZE == 5


def test_each_wrong_setting_is_one_line_with_its_place(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Settings(BaseSettings):
        PORT = -1

    (project / ".env").write_text("QK_LOG_FORMAT=xml\n")
    monkeypatch.setenv("QK_BASE_DIR", str(project))
    monkeypatch.setenv("QK_DEBUG", "maybe")
    with pytest.raises(ImproperlyConfigured) as caught:
        Settings()
    debug, port, log_format = str(caught.value).splitlines()
    assert debug.startswith("settings in the environment: QK_DEBUG='maybe':")
    assert port.startswith(f"settings in {__file__}: PORT='-1':")
    assert log_format.startswith("settings in .env: QK_LOG_FORMAT='xml':")


def test_credentials_need_named_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QK_CORS_ALLOWED_ORIGINS", "*")
    assert BaseSettings().CORS_ALLOWED_ORIGINS == ["*"]
    monkeypatch.setenv("QK_CORS_ALLOW_CREDENTIALS", "true")
    with pytest.raises(ImproperlyConfigured, match="QK_CORS_ALLOWED_ORIGINS: .*'\\*'"):
        BaseSettings()


def test_what_is_right_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "QK_HOST": "::1",
        "QK_ALLOWED_HOSTS": "a.example,.b.example,*,127.0.0.1,[::1]",
        "QK_TRUSTED_PROXIES": "*,10.0.0.1,10.0.0.0/8,fd00::/8",
        "QK_MIDDLEWARE": "common.middleware.Timing",
        "QK_LOGGING": '{"loggers": {"shop": {"level": "DEBUG"}}}',
    }.items():
        monkeypatch.setenv(name, value)
    made = BaseSettings()
    assert (made.HOST, len(made.ALLOWED_HOSTS), len(made.TRUSTED_PROXIES)) == ("::1", 5, 4)


def test_errors_do_not_show_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QK_DATABASES", "mysql://me:hunter2@db:notaport/shop")
    with pytest.raises(ImproperlyConfigured) as caught:
        BaseSettings()
    assert "hunter2" not in str(caught.value)


def test_repr_and_masked_hide_secrets() -> None:
    made = BaseSettings.from_values(
        {
            "SECRET_KEY": GOOD_KEY,
            "METRICS_TOKEN": "hunter1",
            "DATABASES": {
                "default": "mysql://me:hunter2@db/shop",
                "other": {"ENGINE": "mysql", "NAME": "x", "PASSWORD": "hunter3"},
            },
            "UPSTREAMS": {"shop": "http://me:hunter4@shop:20001"},
        }
    )
    shown = repr(made) + str(made) + repr(made.masked()) + repr(made.databases)
    assert GOOD_KEY not in shown
    for number in range(1, 5):
        assert f"hunter{number}" not in shown


@pytest.mark.parametrize("key", ["", "short", "a" * 64, "change-me-" + GOOD_KEY])
def test_start_is_refused_with_an_unusable_secret_key(key: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY.*Fix: set QK_SECRET_KEY"):
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


def test_start_is_refused_without_a_required_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    required = {f"QK_{name}": f"services/{name.lower()}" for name in ("ONE", "TWO", "THREE")}
    monkeypatch.setenv("QK_REQUIRED_SETTINGS", json.dumps(required))
    monkeypatch.setenv("QK_SECRET_KEY", GOOD_KEY)
    monkeypatch.setenv("QK_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("QK_ONE", "1")
    # Nothing is not a value.
    monkeypatch.setenv("QK_TWO", "")
    with pytest.raises(ImproperlyConfigured) as caught:
        require_settings(BaseSettings())
    two, three = str(caught.value).splitlines()
    for line, name in ((two, "TWO"), (three, "THREE")):
        assert f"QK_{name} is not set, and services/{name.lower()} requires it. " in line
        assert f"Fix: set QK_{name} in the environment, or in .env " in line
    monkeypatch.setenv("QK_TWO", "2")
    for nothing in ("QK_THREE=\n", "QK_THREE\n"):
        (tmp_path / ".env").write_text(nothing, encoding="utf-8")
        with pytest.raises(ImproperlyConfigured, match="QK_THREE is not set"):
            require_settings(BaseSettings())
    (tmp_path / ".env").write_text("QK_THREE=3\n", encoding="utf-8")
    require_settings(BaseSettings())


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
        pytest.raises(ImproperlyConfigured, match="no setting named PROT.*Fix: "),
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
        (
            "import no_such_package_at_all\n",
            "is broken: .*no_such_package_at_all.*line 1 of .*Fix: ",
        ),
        ("1 / 0\n", "is broken: ZeroDivisionError.*line 1 of .*Fix: "),
        ("\ndef x(:\n", "is broken: SyntaxError.*line 2 of .*Fix: "),
        ("import json\njson.loads('x')\n", "is broken: JSONDecodeError.*line 2 of .*Fix: "),
        ("settings = {}\n", "must have an object named 'settings'.*got dict. Fix: "),
        ("", "must have an object named 'settings'"),
    ],
)
def test_a_broken_settings_module(project: Path, text: str, expected: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=expected):
        load_settings(write_module(project, text))


def test_a_missing_settings_module() -> None:
    with pytest.raises(
        ImproperlyConfigured, match="'nowhere.settings' cannot be found. Fix: .*FASTAPP_SETTINGS"
    ):
        load_settings("nowhere.settings")
