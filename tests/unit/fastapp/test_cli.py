"""The command line: cheap help, about, check, routes, commands of apps."""

from __future__ import annotations

import importlib
import json
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from unit.fastapp.support import SECRET, MakeApp, manage

from fastapp.cli import native
from fastapp.cli.app_commands import scan_app_commands
from fastapp.cli.registry import COMMANDS

SHOW_MODULES = "print('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))"
HEAVY = {"fastapi", "starlette", "tortoise", "asyncmy", "aiomysql", "asyncpg", "aiosqlite"}


def modules(output: str) -> set[str]:
    line = next(line for line in output.splitlines() if line.startswith("MODULES"))
    return set(line.split()[1:])


def test_help_imports_neither_driver_nor_framework(project: Path, make_app: MakeApp) -> None:
    make_app("apps.shop", urls="import tortoise", commands="import tortoise")
    done = manage(project, "--help", code=SHOW_MODULES)
    assert done.returncode == 0, done.stderr
    assert "runserver-aio" in done.stdout
    assert not modules(done.stdout) & (HEAVY | {"pydantic", "pydantic_settings", "uvicorn"})


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_of_every_command(command: str) -> None:
    path, help_text = COMMANDS[command]
    module, _, name = path.partition(":")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, click.Command)
    assert found.name == command
    # The list of commands repeats the help, so that it need not import them.
    assert found.get_short_help_str(200) == help_text


def test_about_imports_neither_driver_nor_framework_and_writes_nothing(project: Path) -> None:
    before = {path.name for path in project.iterdir()} | {"own_settings.py", "manage.py"}
    done = manage(project, "about", code=SHOW_MODULES, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    assert not modules(done.stdout) & (HEAVY | {"uvicorn"})
    assert {path.name for path in project.iterdir()} == before


def test_about_tells_versions_settings_apps_and_databases(project: Path, make_app: MakeApp) -> None:
    make_app("apps.shop", urls="urlpatterns = []")
    done = manage(
        project,
        "about",
        QK_SECRET_KEY=SECRET,
        QK_ALLOWED_HOSTS="shop.example",
        QK_DATABASES__other="mysql://me:hunter2@db:3307/shop",
    )
    assert f"FastAPI       {version('fastapi')}" in done.stdout
    assert "asyncmy" in done.stdout
    assert "apps.shop  prefix /shop  port 27586" in done.stdout
    assert "db:3307/shop  user me  password ********" in done.stdout
    assert "hunter2" not in done.stdout
    assert SECRET not in done.stdout
    assert "WARNING" not in done.stdout


def test_about_warns_without_a_secret(project: Path) -> None:
    done = manage(project, "about")
    assert done.returncode == 0
    assert "WARNING: SECRET_KEY is not set" in done.stdout
    assert "servers refuse to start" in done.stdout


def test_about_json(project: Path) -> None:
    done = manage(project, "about", "--json", QK_SECRET_KEY=SECRET, QK_METRICS_TOKEN="pw")
    report = json.loads(done.stdout)
    assert report["framework"]["version"] == "0.1.0"
    assert report["settings"]["SECRET_KEY"] == "********"
    assert report["settings"]["METRICS_TOKEN"] == "********"
    assert report["databases"][0]["engine"] == "sqlite3"
    assert set(report["asyncmy"]) >= {"version", "optimised", "description", "provenance"}


def write_distribution(project: Path, provenance: str | None) -> None:
    folder = project / "quickpack-1.2.3.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: quickpack\nVersion: 1.2.3\n")
    if provenance is not None:
        (folder / "native_wheel.json").write_text(provenance)


GOOD = {
    "schema": 1,
    "project": "quickpack",
    "version": "1.2.3",
    "profile": "documented",
    "compile_args": ["-Os", "-flto", "-ffast-math"],
    "link_args": ["-flto", "-s"],
    "sdist_sha256": "00",
}


@pytest.mark.parametrize(
    ("provenance", "expected"),
    [
        (json.dumps(GOOD), "quickpack 1.2.3 (optimised: -Os -flto -ffast-math | -flto -s)"),
        (None, "quickpack 1.2.3 (index wheel, not optimised)"),
        ("{", "quickpack 1.2.3 (unknown build: native_wheel.json is no JSON)"),
        ("[]", "quickpack 1.2.3 (unknown build: native_wheel.json is no object)"),
        (
            json.dumps({**GOOD, "version": "1.2.2"}),
            "unknown build: native_wheel.json: version is '1.2.2', expected '1.2.3'",
        ),
        (json.dumps({**GOOD, "link_args": "-s"}), "link_args is no list of strings"),
        (
            json.dumps({**GOOD, "patches": [{"name": "patches/a.patch"}, {"name": "b.patch"}]}),
            "(optimised: -Os -flto -ffast-math | -flto -s; patches: a, b)",
        ),
        (json.dumps({**GOOD, "patches": ["a.patch"]}), "patches is no list of names"),
    ],
)
def test_provenance_of_a_driver(project: Path, provenance: str | None, expected: str) -> None:
    write_distribution(project, provenance)
    found = native.read_native_package("quickpack")
    assert expected in found.describe()
    assert found.optimised is found.describe().startswith("quickpack 1.2.3 (optimised")


def test_a_build_with_a_patch_has_the_version_of_its_source(project: Path) -> None:
    write_distribution(project, json.dumps(GOOD))
    folder = next(project.glob("quickpack-*.dist-info"))
    metadata = "Metadata-Version: 2.1\nName: quickpack\nVersion: 1.2.3+speed\n"
    (folder / "METADATA").write_text(metadata)
    found = native.read_native_package("quickpack")
    assert found.optimised
    assert found.describe().startswith("quickpack 1.2.3+speed (optimised")


def test_a_driver_that_is_missing() -> None:
    found = native.read_native_package("no-such-package-at-all")
    assert found.describe() == "no-such-package-at-all not installed"
    assert not found.optimised


def test_check_passes_without_any_environment(project: Path) -> None:
    done = manage(project, "check", code=SHOW_MODULES)
    assert done.returncode == 0, done.stderr
    assert "(fastapp.W001) SECRET_KEY is not set" in done.stderr
    assert "HINT: Set QK_SECRET_KEY." in done.stderr
    assert "0 error(s), 1 warning(s)." in done.stdout
    assert "asyncmy" not in modules(done.stdout)
    assert manage(project, "check", "--fail-level", "warning").returncode == 1


def test_check_deploy(project: Path) -> None:
    bare = manage(project, "check", "--deploy")
    assert bare.returncode == 1
    for number in ("E011", "E012"):
        assert f"fastapp.{number}" in bare.stderr
    debug = manage(project, "check", "--deploy", QK_DEBUG="1")
    assert "(fastapp.E010) DEBUG is on." in debug.stderr
    good = manage(
        project, "check", "--deploy", QK_SECRET_KEY=SECRET, QK_ALLOWED_HOSTS="shop.example"
    )
    assert (good.returncode, good.stderr) == (0, "")


@pytest.mark.parametrize(
    ("environment", "number"),
    [
        ({"QK_DATABASES": "mysql://db/x"}, "W015"),
        ({"QK_DATABASES": "mysql://db/x?ssl=true"}, "W016"),
        ({"QK_DATABASES": "mysql://db/x?sql_mode=ANSI"}, "W017"),
        ({"QK_DATABASES": "mysql://db/x", "QK_TIME_ZONE": "Europe/Berlin"}, "W004"),
        ({"QK_CORS_ALLOWED_ORIGINS": "*"}, "W014"),
        ({"QK_LOGGING": '{"root": {"level": "LOUD"}}'}, "E003"),
        ({"QK_ALLOWED_HOSTS": "*"}, "W013"),
        ({"QK_DEBG": "1"}, "W002"),
        ({"QK_DATABASES": "mysql://db/x?pool_sise=3"}, "E060"),
    ],
)
def test_check_finds(project: Path, environment: dict[str, str], number: str) -> None:
    done = manage(project, "check", "--deploy", **{"QK_SECRET_KEY": SECRET, **environment})
    assert f"(fastapp.{number})" in done.stderr


@pytest.mark.parametrize(
    ("files", "number", "text"),
    [
        ({"urls": "import no_such_package_at_all"}, "E031", "cannot import 'apps.shop.urls'"),
        ({"urls": ""}, "E040", "expected a list named 'urlpatterns'"),
        ({"urls": "urlpatterns = []", "apps": "1/0"}, "E030", "cannot import 'apps.shop.apps'"),
        ({"urls": "urlpatterns = []", "models": "1/0"}, "E031", "cannot import 'apps.shop.models'"),
        (
            {
                "urls": "from fastapp.urls import path\nasync def a(): ...\nasync def b(): ...\n"
                "urlpatterns = [path('x', a), path('x', b)]"
            },
            "E041",
            "GET /shop/x of apps.shop.urls.b is never reached: apps.shop.urls.a takes",
        ),
    ],
)
def test_check_finds_broken_apps(
    project: Path, make_app: MakeApp, files: dict[str, str], number: str, text: str
) -> None:
    make_app("apps.shop", **files)
    done = manage(project, "check")
    assert done.returncode == 1
    assert f"(fastapp.{number})" in done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_check_of_databases(project: Path) -> None:
    good = manage(project, "check", "--database", "default")
    assert good.returncode == 0, good.stderr
    away = manage(project, "check", "--database", "all", QK_DATA_DIR="/dev/null/data")
    assert away.returncode == 1
    assert "(fastapp.E061) database 'default' (db.sqlite3) is not reachable" in away.stderr
    assert "Fix: set QK_DATA_DIR" in away.stderr
    unknown = manage(project, "check", "--database", "other")
    assert unknown.returncode == 2
    assert "no database 'other' in DATABASES (known: default). Fix: name one" in unknown.stderr


def test_mistakes_end_with_one_message(project: Path) -> None:
    done = manage(project, "about", QK_PORT="many")
    assert done.returncode == 1
    assert "is broken" not in done.stderr or "PORT" in done.stderr
    assert "PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_commands(project: Path) -> None:
    done = manage(project, "chekc")
    assert done.returncode == 2
    assert "Did you mean 'check'?" in done.stderr


def test_servers_refuse_to_start_without_a_secret(project: Path) -> None:
    done = manage(project, "runserver-aio", "--port", "0")
    assert done.returncode == 1
    assert "Error: SECRET_KEY is not set" in done.stderr
    assert "Fix: set QK_SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", [("runserver-aio",), ("runserver-aio", "--workers=2"), ("runserver",)]
)
def test_servers_refuse_to_start_without_a_required_setting(
    project: Path, command: tuple[str, ...]
) -> None:
    required = '{"QK_PAYMENT_URL": "services/orders"}'
    done = manage(project, *command, QK_SECRET_KEY=SECRET, QK_REQUIRED_SETTINGS=required)
    assert done.returncode == 1
    for part in (
        "QK_PAYMENT_URL is not set, and services/orders requires it. ",
        "Fix: set QK_PAYMENT_URL in ",
    ):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_servers_refuse_to_start_with_a_broken_app(project: Path, make_app: MakeApp) -> None:
    make_app("apps.shop", urls="import no_such_package_at_all")
    for workers in ("1", "2"):
        done = manage(
            project, "runserver-aio", "--port", "0", "--workers", workers, QK_SECRET_KEY=SECRET
        )
        assert done.returncode == 1
        assert "app 'shop': cannot import 'apps.shop.urls'" in done.stderr


def test_reload_and_workers_exclude_each_other(project: Path) -> None:
    done = manage(project, "runserver-aio", "--reload", "--workers", "2")
    assert (done.returncode, "Fix: leave one of them out" in done.stderr) == (2, True)


def test_routes(project: Path, make_app: MakeApp) -> None:
    make_app(
        "apps.shop",
        urls="from fastapp.urls import path\nasync def view(id: int): ...\n"
        "urlpatterns = [path('a/<int:id>', view, name='a', methods=['GET', 'PUT'])]",
    )
    done = manage(project, "routes")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "/shop/a" in line)
    assert line.split() == ["GET,PUT", "/shop/a/{id:int}", "shop:a", "apps.shop.urls.view"]
    rows = json.loads(manage(project, "routes", "--json").stdout)
    assert {"methods": ["GET"], "path": "/healthz", "name": "healthz"}.items() <= next(
        row for row in rows if row["path"] == "/healthz"
    ).items()


COMMANDS_OF_APP = """
import click

@click.command("greet-all")
@click.argument("name")
def greet(name):
    click.echo(f"hello {name}")
    return 7

@click.command()
def count_things_command():
    click.echo("3")
"""


def test_apps_add_commands(project: Path, make_app: MakeApp) -> None:
    make_app("apps.shop", urls="urlpatterns = []", commands=COMMANDS_OF_APP)
    assert scan_app_commands(project) == {
        "greet-all": "apps.shop",
        "count-things": "apps.shop",
    }
    shown = manage(project, "--help").stdout
    assert "greet-all" in shown
    done = manage(project, "greet-all", "you")
    assert (done.returncode, done.stdout) == (7, "hello you\n")
    assert manage(project, "count-things").stdout == "3\n"


def test_two_apps_with_one_command(project: Path, make_app: MakeApp) -> None:
    for name in ("one", "two"):
        make_app(f"apps.{name}", urls="urlpatterns = []", commands=COMMANDS_OF_APP)
    done = manage(project, "greet-all", "you")
    assert "apps 'one' and 'two' both have a command 'greet-all'. Fix: " in done.stderr


def test_the_application_is_importable_without_an_event_loop(project: Path) -> None:
    code = "from fastapp.asgi import create_application as make; print(make().title)"
    done = manage(project, "--version", code=code, QK_SECRET_KEY=SECRET)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "QingKong"
