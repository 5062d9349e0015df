"""No setting does nothing: each is read, and what nothing reads is reported."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from unit.fastapp.support import SETTINGS, manage

import fastapp
from fastapp.checks import ERROR
from fastapp.checks.settings import check_settings
from fastapp.cli.commands.check import run_checks
from fastapp.conf import BaseSettings, override_settings
from fastapp.conf.planned import PLANNED
from fastapp.exceptions import ImproperlyConfigured


def names_read() -> set[str]:
    """Attributes that the framework's code reads, outside of where settings are declared."""
    root = Path(fastapp.__file__).parent
    found: set[str] = set()
    for file in root.rglob("*.py"):
        if root / "conf" in file.parents and file.name in (
            "masking.py",
            "planned.py",
            "unknown.py",
        ):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.add(node.attr)
    return found


def test_every_setting_is_read() -> None:
    assert sorted(BaseSettings.field_names() - names_read()) == []


def test_no_planned_setting_is_declared() -> None:
    assert sorted(BaseSettings.field_names() & PLANNED.keys()) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("QK_ALOWED_HOSTS", ["QK_ALOWED_HOSTS", "nearest name is QK_ALLOWED_HOSTS"]),
        ("QK_debug", ["QK_debug", "nearest name is QK_DEBUG"]),
        ("qk_debug", ["qk_debug", "nearest name is QK_DEBUG"]),
        ("QK_DATABASE__default__HOST", ["QK_DATABASE__default__HOST", "QK_DATABASES"]),
        ("QK_CACHES", ["QK_CACHES", "no caches yet"]),
        ("QK_EMAIL_HOST", ["QK_EMAIL_HOST", "no mail yet"]),
        ("QK_DEBUG__on", ["QK_DEBUG__on", "takes no keys"]),
        ("QK_XYZZY_FROTZ_9", ["QK_XYZZY_FROTZ_9", "Fix: remove it."]),
    ],
)
def test_a_variable_that_nothing_reads(
    monkeypatch: pytest.MonkeyPatch, name: str, expected: list[str]
) -> None:
    monkeypatch.setenv(name, "secret value")
    (found,) = BaseSettings().unread()
    for part in ("settings in the environment: ", *expected, "Fix: "):
        assert part in str(found)
    assert "secret value" not in str(found)


def test_variables_that_are_read_are_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(BaseSettings):
        SHOP_NAME: str = "x"
        SHOP_LIMITS: dict[str, Any] = {}  # noqa: RUF012 - a field, as Django users write it

    # The code of a service reads it.
    monkeypatch.setenv("QK_REQUIRED_SETTINGS", '{"QK_PAYMENT_URL": "services/orders"}')
    monkeypatch.setenv("QK_PAYMENT_URL", "https://pay.example")
    for name in ("QK_DEBUG", "QK_DATABASES__default__OPTIONS__timeout", "QK_SHOP_LIMITS__a"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("QK_SHOP_NAME", "y")
    monkeypatch.setenv("OTHER_DEBUG", "1")
    assert Settings().unread() == []


def test_a_line_of_dotenv_that_nothing_reads(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".env").write_text("QK_LOGLEVEL=DEBUG\nOTHER=1\n")
    monkeypatch.setenv("QK_BASE_DIR", str(project))
    (found,) = BaseSettings().unread()
    assert (found.place, found.name) == (".env", "QK_LOGLEVEL")
    assert "QK_LOG_LEVEL" in found.fix


def test_fields_of_a_project_that_nothing_reads() -> None:
    class Settings(BaseSettings):
        ALOWED_HOSTS: list[str] = []  # noqa: RUF012 - a field, as Django users write it
        CACHES: dict[str, Any] = {"default": {}}  # noqa: RUF012 - a field, as Django users write it
        SHOP_NAME: str = "x"

    hosts, caches = Settings().unread()
    assert hosts.name == "ALOWED_HOSTS"
    assert "write ALLOWED_HOSTS" in hosts.fix
    assert caches.name == "CACHES"
    assert "no caches yet" in caches.problem


def test_a_planned_setting_may_be_written_as_django_users_do() -> None:
    metaclass: Any = type(BaseSettings)
    names = {"__module__": __name__, "__qualname__": "Settings", "CACHES": {"default": {}}}
    kind = metaclass("Settings", (BaseSettings,), names)
    (found,) = kind().unread()
    assert found.name == "CACHES"


def test_an_unknown_field_without_a_type_names_the_nearest() -> None:
    with pytest.raises(
        ImproperlyConfigured, match="Settings: ALOWED_HOSTS: .*write ALLOWED_HOSTS if"
    ):

        class Settings(BaseSettings):
            ALOWED_HOSTS = ["a.example"]  # noqa: RUF012 - the mistake


def test_check_and_about_warn(project: Path) -> None:
    done = manage(project, "check", QK_ALOWED_HOSTS="a", QK_DEBUG="1")
    assert done.returncode == 0
    assert "(fastapp.W002) settings in the environment: QK_ALOWED_HOSTS" in done.stderr
    done = manage(project, "check", "--fail-level", "warning", QK_ALOWED_HOSTS="a", QK_DEBUG="1")
    assert done.returncode == 1
    report = json.loads(manage(project, "about", "--json", QK_ALOWED_HOSTS="a").stdout)
    assert any("QK_ALOWED_HOSTS" in text for text in report["warnings"])


@pytest.mark.parametrize(
    ("logging", "expected"),
    [
        ({"handlers": {"file": {"class": "no.such.Handler"}}}, ["'file'", "no.such"]),
        ({"loggers": {"shop": {"handlers": ["nowhere"]}}}, ["'shop'", "nowhere"]),
        ({"root": {"level": "LOUD"}}, ["root", "LOUD"]),
    ],
)
def test_a_wrong_logging_setting_is_one_error(logging: dict[str, Any], expected: list[str]) -> None:
    made = BaseSettings.from_values({"LOGGING": logging})
    (message,) = [item for item in check_settings(made) if item.level == ERROR]
    for part in ("LOGGING", *expected, "Fix: "):
        assert part in message.message
    assert "\n" not in message.message


@pytest.mark.parametrize("command", ["runserver-aio", "runserver", "gateway"])
def test_no_server_starts_with_a_wrong_logging_setting(project: Path, command: str) -> None:
    (project / "apps" / "shop").mkdir(parents=True)
    (project / "apps" / "shop" / "urls.py").write_text("urlpatterns = []\n")
    logging = json.dumps({"root": {"level": "LOUD"}})
    done = manage(project, command, QK_DEBUG="1", QK_PORT="0", QK_LOGGING=logging)
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "LOGGING" in line]
    assert "LOUD" in line
    assert "Fix: " in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("NO_EXPORT_APPS", ["shoop"], "NO_EXPORT_APPS='shoop'"),
        ("UPSTREAMS", {"shop": "shop:8000"}, "UPSTREAMS['shop']"),
        ("EXTRA_PROXY", {"pay": "ftp://pay"}, "EXTRA_PROXY['pay']"),
        ("GATEWAY_DEFAULT_UPSTREAM", ["nowhere"], "GATEWAY_DEFAULT_UPSTREAM"),
        ("GATEWAY_STRIP_PREFIXES", ["shoop"], "GATEWAY_STRIP_PREFIXES"),
        ("MIDDLEWARE", ["broken.Middleware"], "MIDDLEWARE='broken.Middleware'"),
        ("LIFESPANS", ["broken.lifespan"], "LIFESPANS='broken.lifespan'"),
    ],
)
def test_check_finds_what_needs_the_apps(
    project: Path, name: str, value: Any, expected: str
) -> None:
    (project / "broken.py").write_text("1 / 0\n")
    with override_settings(**{name: value}):
        errors = [item for item in run_checks() if item.level == ERROR]
    assert len(errors) == 1, errors
    assert expected in errors[0].message


def test_servers_warn_in_the_log(project: Path) -> None:
    (project / "own_settings.py").write_text(SETTINGS)
    code = (
        "from fastapp.cli.commands.runserver_aio import server_options; "
        "server_options('127.0.0.1', 0)"
    )
    done = manage(project, "about", code=code, QK_ALOWED_HOSTS="a", QK_LOG_FORMAT="json")
    (line,) = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert (line["level"], line["logger"]) == ("WARNING", "fastapp.settings")
    assert "QK_ALOWED_HOSTS" in line["message"]
