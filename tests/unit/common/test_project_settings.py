"""The project's own settings, and the command line as it ships."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import manage
from common.settings import Settings, settings
from fastapp.conf import BaseSettings


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real ``manage.py`` with no QK_ variable but the given ones."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("QK_") and key != "FASTAPP_SETTINGS_MODULE"
    }
    return subprocess.run(
        [sys.executable, str(manage.__file__), *arguments],
        env={**inherited, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_settings_are_those_of_the_framework() -> None:
    assert isinstance(settings, BaseSettings)
    assert issubclass(Settings, BaseSettings)
    assert Path(manage.__file__).resolve().parent == settings.BASE_DIR


def test_no_secret_ships() -> None:
    assert Settings.model_fields["SECRET_KEY"].default == ""
    assert Settings.model_fields["DEBUG"].default is False


def test_about_works_without_any_environment() -> None:
    done = run("about", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["settings"]["DEBUG"] is False
    assert any("SECRET_KEY is not set" in text for text in report["warnings"])


def test_check_works_without_any_environment() -> None:
    done = run("check", QK_INSTALLED_APPS="[]")
    assert done.returncode == 0, done.stderr


def test_the_settings_page_is_right() -> None:
    page = Path("docs/settings.md").read_text(encoding="utf-8")
    assert "\n$ QK_TIME_ZONE=Europe/Berlin python manage.py check\n" in page
    done = run("check", QK_TIME_ZONE="Europe/Berlin", QK_INSTALLED_APPS="[]")
    assert done.returncode == 0, done.stderr
    done = run("check", QK_PORT="many")
    assert done.returncode == 1
    assert f"\n{done.stderr}" in page


def test_help_works_without_any_environment() -> None:
    done = run("--help")
    assert done.returncode == 0, done.stderr
    assert "runserver-aio" in done.stdout


def test_servers_refuse_to_start_without_a_secret() -> None:
    done = run("runserver-aio", "--port", "0", QK_INSTALLED_APPS="[]")
    assert done.returncode == 1
    assert "SECRET_KEY is not set" in done.stderr
