"""The project that is served: small apps, and the same endpoint on FastAPI alone."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: Of the endpoint that all variants serve.
PATH = "/app0/items/7"
SECRET = "a key for measurements only 0123456789"

_SETTINGS = """
from pathlib import Path
from fastapp.conf import BaseSettings

class Settings(BaseSettings):
    BASE_DIR: Path = Path(__file__).resolve().parent

settings = Settings()
"""
_ENDPOINT = """
async def item(number: int) -> dict[str, int | str]:
    return {"number": number, "name": "thing"}
"""
_URLS = f"""
from fastapi import Request
from fastapp.urls import path
{_ENDPOINT}
async def sink(request: Request) -> dict[str, int]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {{"size": size}}

urlpatterns = [path("items/<int:number>", item), path("sink", sink, methods=["POST"])]
"""
_MODELS = """
from fastapp.db import models

class Thing(models.Model):
    name = models.CharField(max_length=20)
"""
_BARE = f"""
from fastapi import APIRouter, FastAPI

router = APIRouter()
{_ENDPOINT}
router.add_api_route("/items/{{number:int}}", item)
app = FastAPI()
app.include_router(router, prefix="/app0")
"""


@dataclass(frozen=True)
class Project:
    """A project in a folder, and the Python that has the framework.

    Attributes:
        folder: of the project.
        python: of the environment with the framework and what it needs.
    """

    folder: Path
    python: Path

    @classmethod
    def make(cls, folder: Path, python: Path, apps: int) -> Project:
        """Write a project with so many apps, each with a model and two endpoints."""
        (folder / "apps").mkdir(parents=True)
        (folder / "apps" / "__init__.py").touch()
        (folder / "own_settings.py").write_text(_SETTINGS, encoding="utf-8")
        (folder / "bare.py").write_text(_BARE, encoding="utf-8")
        (folder / "manage.py").write_text(
            "from fastapp.cli import main\n\nmain()\n", encoding="utf-8"
        )
        for number in range(apps):
            app = folder / "apps" / f"app{number}"
            app.mkdir()
            (app / "__init__.py").touch()
            (app / "urls.py").write_text(_URLS, encoding="utf-8")
            (app / "models.py").write_text(_MODELS, encoding="utf-8")
        return cls(folder, python)

    def command(self, *arguments: str) -> list[str]:
        """``manage.py`` with arguments."""
        return [str(self.python), str(self.folder / "manage.py"), *arguments]

    def environment(self, **changes: str) -> dict[str, str]:
        """Variables of a command: nothing of this process's own settings."""
        kept = ("PATH", "HOME", "LANG", "TMPDIR")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PYTHONPATH": str(self.folder),
            "FASTAPP_SETTINGS_MODULE": "own_settings",
            "QK_SECRET_KEY": SECRET,
            "QK_ALLOWED_HOSTS": "127.0.0.1",
            **changes,
        }

    def run(self, *arguments: str) -> str:
        """Standard output of ``manage.py``.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout


def unpack(product: Path, folder: Path) -> Path:
    """Make an environment of the PEX with the framework, with bytecode, as in the image.

    Returns:
        Its Python.
    """
    subprocess.run(
        [sys.executable, str(product), "venv", "--compile", str(folder)],
        env={**os.environ, "PEX_TOOLS": "1"},
        check=True,
    )
    return folder / "bin" / "python"
