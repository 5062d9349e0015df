"""Projects of the earlier framework: what is found, and that the fixes give a project that runs."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from unit.fastapp.support import manage

from fastapp.cli.registry import COMMANDS
from fastapp.upgrade import command_lines, names
from fastapp.upgrade.scanning import scan_project

#: A project as people wrote them for the earlier framework.
OLD = {
    "manage.py": """
        from fastapp.commands import about, cli, gateway, migrate, runserver, serve_static

        cli.register_commands(about, gateway, migrate, runserver, serve_static)
        if __name__ == "__main__":
            cli()
    """,
    "common/__init__.py": "",
    "common/settings.py": """
        from pathlib import Path
        from typing import Any, List

        from fastapp.conf import BaseSettings


        class Settings(BaseSettings):
            BASE_DIR: Path = Path(__file__).resolve().parent.parent
            INTERNAL_APP_PREFIX: str = "fastapp"
            INSTALLED_APPS: List[str] = [
                "fastapp.contrib.auth",
                "apps.cup",
            ]
            DATABASES: dict[str, dict[str, Any]] = {
                "default": {
                    "ENGINE": "tortoise.backends.sqlite",
                    "NAME": BASE_DIR / "db.sqlite3",
                },
            }
            CACHES: dict[str, Any] = {"default": {"BACKEND": "fastapp.cache.DiskCacheBackend"}}


        settings = Settings()
    """,
    "apps/__init__.py": "",
    "apps/cup/__init__.py": "",
    "apps/cup/apps.py": """
        from fastapp.apps.config import AppConfig


        class CupConfig(AppConfig):
            port = 18001
    """,
    "apps/cup/asgi.py": """
        from fastapp.fastapi import FastAPI

        app = FastAPI()
    """,
    "apps/cup/models.py": """
        from fastapp.models import BaseMeta, Model, fields


        class Cup(Model):
            name = fields.CharField(max_length=255)


        class Match(Model):
            cup = fields.ForeignKeyField(Cup, related_name="matches")

            class Meta(BaseMeta):
                external = True
    """,
    "apps/cup/urls.py": "",
    "apps/cup/views.py": """
        from fastapi.routing import APIRouter

        from apps.cup.models import Cup

        router = APIRouter()


        @router.get("/count")
        async def count():
            return {"cups": await Cup.objects.all().count()}
    """,
    "start.sh": """
        python manage.py gateway --upstream cup=http://127.0.0.1:18001 \\
          --add-slashes --debug
        python manage.py runserver --exclude cup shop
        python manage.py serve_static --root ./static
    """,
    "Dockerfile": 'CMD ["python", "manage.py", "runserver", "all"]\n',
}

#: The same with every fix made.
NEW = {
    **OLD,
    "manage.py": """
        from fastapp.cli import main

        if __name__ == "__main__":
            main()
    """,
    "common/settings.py": """
        from pathlib import Path

        from fastapp.conf import BaseSettings


        class Settings(BaseSettings):
            BASE_DIR = Path(__file__).resolve().parent.parent
            INSTALLED_APPS = ["apps.cup"]
            DATABASES = {
                "default": {"ENGINE": "sqlite3", "NAME": str(BASE_DIR / "db.sqlite3")},
            }


        settings = Settings()
    """,
    "apps/cup/asgi.py": """
        from fastapi import FastAPI

        app = FastAPI()
    """,
    "apps/cup/models.py": """
        from fastapp.db import models


        class Cup(models.Model):
            name = models.CharField(max_length=255)


        class Match(models.Model):
            cup = models.ForeignKey("cup.Cup", related_name="matches")
    """,
    "apps/cup/urls.py": """
        from apps.cup.views import router
        from fastapp.urls import include, path

        urlpatterns = [path("", include(router))]
    """,
    "start.sh": """
        python manage.py gateway --upstream cup=http://127.0.0.1:18001
        python manage.py runserver --exclude cup --exclude shop
        python manage.py serve-static ./static
    """,
    "Dockerfile": 'CMD ["python", "manage.py", "runserver"]\n',
}

EXPECTED = {
    ("Dockerfile", "runserver all"),
    ("apps/cup/asgi.py", "from fastapp.fastapi import FastAPI"),
    ("apps/cup/models.py", "external"),
    ("apps/cup/models.py", "fields.ForeignKeyField"),
    ("apps/cup/models.py", "from fastapp.models import BaseMeta"),
    ("apps/cup/models.py", "from fastapp.models import Model"),
    ("apps/cup/models.py", "from fastapp.models import fields"),
    ("apps/cup/views.py", "router = APIRouter()"),
    ("common/settings.py", "'tortoise.backends.sqlite'"),
    ("common/settings.py", "CACHES"),
    ("common/settings.py", "INSTALLED_APPS: 'fastapp.contrib.auth'"),
    ("common/settings.py", "INTERNAL_APP_PREFIX"),
    ("manage.py", "from fastapp.commands import about"),
    ("manage.py", "from fastapp.commands import cli"),
    ("manage.py", "from fastapp.commands import gateway"),
    ("manage.py", "from fastapp.commands import migrate"),
    ("manage.py", "from fastapp.commands import runserver"),
    ("manage.py", "from fastapp.commands import serve_static"),
    ("start.sh", "--add-slashes"),
    ("start.sh", "--debug"),
    ("start.sh", "--exclude cup shop"),
    ("start.sh", "--root"),
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def test_everything_old_is_found_and_nothing_else(tmp_path: Path) -> None:
    notes = scan_project(write(tmp_path / "old", OLD))
    assert {(note.file, note.old) for note in notes} == EXPECTED
    exclude = next(note for note in notes if note.old.startswith("--exclude"))
    assert exclude.new.startswith("--exclude cup --exclude shop")
    slashes = next(note for note in notes if note.old == "--add-slashes")
    assert slashes.line == 1
    assert scan_project(write(tmp_path / "new", NEW)) == []


def test_other_folders_are_not_read(tmp_path: Path) -> None:
    text = "from fastapp.models import Model\n"
    for name in (".git/x.py", "node_modules/x.py", "venv/lib/x.py"):
        write(tmp_path, {name: text})
    write(tmp_path, {"venv/pyvenv.cfg": "", "broken.py": "def", "latin.py": ""})
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    assert scan_project(tmp_path) == []


def test_the_command_lists_and_fails_until_all_is_changed(project: Path) -> None:
    old = write(project / "old", OLD)
    done = manage(project, "upgrade-notes", str(old), FASTAPP_SETTINGS_MODULE="no.such")
    assert done.returncode == 1
    assert "apps/cup/asgi.py:1: from fastapp.fastapi import FastAPI" in done.stdout
    assert "Fix: from fastapi import FastAPI" in done.stdout
    write(old, NEW)
    done = manage(project, "upgrade-notes", str(old))
    assert (done.returncode, done.stdout) == (0, "Nothing to change.\n")


def test_the_changed_project_runs(tmp_path: Path) -> None:
    folder = write(tmp_path / "new", NEW)
    environment = {"QK_DEBUG": "1", "FASTAPP_SETTINGS_MODULE": "common.settings"}
    for command in (
        ("makemigrations", "cup"),
        ("migrate",),
        ("check", "--fail-level", "warning"),
    ):
        done = manage(folder, *command, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(manage(folder, "about", "--json", **environment).stdout)
    assert report["apps"][0]["port"] == 18001
    assert "/cup/count" in manage(folder, "routes", **environment).stdout


@pytest.mark.parametrize(
    ("command", "option"),
    [(command, option) for command, options in command_lines.OPTIONS.items() for option in options],
)
def test_an_old_option_says_what_replaces_it(project: Path, command: str, option: str) -> None:
    done = manage(project, command, option, "x")
    assert done.returncode == 2
    assert f"Fix: {command_lines.OPTIONS[command][option]}." in done.stderr


@pytest.mark.parametrize("name", ["stubgen", "fix_sequence"])
def test_an_old_command_says_what_replaces_it(project: Path, name: str) -> None:
    done = manage(project, name)
    assert done.returncode == 2
    fix = command_lines.COMMANDS[command_lines.command_name(name)]
    assert f"Fix: {fix}." in done.stderr


def test_commands_may_be_written_with_underscores(project: Path) -> None:
    assert manage(project, "serve_static", "--help").returncode == 0


def test_no_old_name_exists() -> None:
    assert sorted(command_lines.COMMANDS.keys() & COMMANDS.keys()) == []
    for name in names.MODULES:
        root = Path(names.__file__).parent.parent
        path = root.joinpath(*name.split(".")[1:])
        assert not path.with_suffix(".py").exists(), name
