"""Types of the fixtures, and helpers of several test modules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from forked import Started
from httpx import AsyncClient

SECRET = "a secret of the tests, long enough 0123456789"

MakeApp = Callable[..., str]
Client = Callable[..., AbstractAsyncContextManager[AsyncClient]]

SETTINGS = """
from pathlib import Path
from fastapp.conf import BaseSettings

class Settings(BaseSettings):
    BASE_DIR: Path = Path(__file__).resolve().parent

settings = Settings()
"""


def manage(
    project: Path, *arguments: str, code: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as ``manage.py`` of a project would.

    The process is forked from this one, which has imported the framework, unless ``code`` is given:
    what was imported may be what the code looks at.

    Args:
        project: folder of the project; gets a settings module when it has none.
        *arguments: of the command line.
        code: Python to run after the command, even when it exits.
        **environment: further variables; nothing else with QK_ is passed on.
    """
    if code:
        return interpret(project, *arguments, code=code, **environment)
    _write_settings(project)
    done = Started(project, arguments, environment, None).done()
    return subprocess.CompletedProcess(list(arguments), done.code, done.out, done.err)


def interpret(
    project: Path, *arguments: str, code: str = "pass", **environment: str
) -> subprocess.CompletedProcess[str]:
    """As `manage`, by an interpreter of its own."""
    _write_settings(project)
    script = project / "manage.py"
    lines = ["import sys", "from fastapp.cli import main", "try:", "    main()", "finally:"]
    script.write_text("\n".join([*lines, f"    {code}", ""]), encoding="utf-8")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    # Absolute, for the process starts in another folder.
    path = [str(project), *(os.path.abspath(entry) for entry in sys.path if entry)]
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=project,
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join(path),
            "FASTAPP_SETTINGS_MODULE": "own_settings",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def _write_settings(project: Path) -> None:
    module = project / "own_settings.py"
    if not module.exists():
        module.write_text(SETTINGS, encoding="utf-8")
