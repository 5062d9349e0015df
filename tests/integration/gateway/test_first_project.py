"""``docs/first-app.md`` from ``startproject`` to a browser on /docs behind the gateway.

``tests/e2e/test_first_project.py`` does the same in the image.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from integration.first_project import APPS, missing_apps, try_every_app
from integration.gateway.processes import module_path, wait_until_up
from integration.gateway.support import wait_for
from integration.ports import free_port
from integration.programs import START_SECONDS, ended


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Python with these arguments in a folder; its settings are those of the project there."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": module_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str) -> str:
    """What a command says that ends by itself."""
    process = started(folder, *arguments)
    out, log = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0, log
    return out


@contextmanager
def running(folder: Path, port: int, *arguments: str) -> Iterator[None]:
    """A command that serves at a port, until the end of the block."""
    process = started(folder, *arguments)
    with ended(process) as log:
        wait_until_up(process, f"http://127.0.0.1:{port}/healthz/live", log)
        yield


def test_a_first_project_in_a_browser(tmp_path: Path) -> None:
    assert "mysite" in run(tmp_path, "-m", "fastapp", "startproject", "mysite")
    project = tmp_path / "mysite"
    ports = {app: free_port() for app in APPS}
    for app, port in ports.items():
        assert f"/{app}" in run(project, "manage.py", "startapp", app)
        # Other tests may be using the port that the name gives.
        with (project / "apps" / app / "apps.py").open("a", encoding="utf-8") as file:
            file.write(f"    port = {port}\n")
    assert run(project, "manage.py", "migrate").count("Applied") == len(APPS)
    front = free_port()
    with (
        running(project, ports["shop"], "manage.py", "runserver"),
        running(project, front, "manage.py", "gateway", "--port", str(front)),
        httpx.Client(base_url=f"http://127.0.0.1:{front}", trust_env=False) as client,
    ):
        wait_for(lambda: not missing_apps(client), START_SECONDS)
        try_every_app(client, tmp_path / "browser")
