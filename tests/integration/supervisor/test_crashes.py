"""Apps that break, before and after the start."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import pytest
from integration.supervisor.support import (
    URLS,
    children_of,
    eventually,
    runserver,
    write_project,
)

CRASHING = """
import os
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    os._exit(9)
    yield

app = FastAPI(lifespan=lifespan)
"""

SUBREAPER = """
import ctypes, os, sys
# As process 1 of a container: inherits the processes whose parents have ended.
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""

ORPHANS = """
import asyncio, subprocess
from fastapp.urls import path

async def orphan():
    # A shell that leaves a process behind, which ends soon after.
    await asyncio.to_thread(subprocess.run, ["sh", "-c", "sleep 0.2 & exit 0"])
    return {}

urlpatterns = [path("orphan", orphan)]
"""


@pytest.mark.parametrize(
    ("urls", "cause"),
    [
        ("import no_such_package_at_all", "No module named 'no_such_package_at_all'"),
        ("urlpatterns = 7", "expected a list named 'urlpatterns', got int"),
    ],
)
def test_a_broken_app_ends_the_start(tmp_path: Path, urls: str, cause: str) -> None:
    ports = write_project(tmp_path, good=URLS, broken=urls)
    with runserver(tmp_path, ports, up=False) as running:
        assert running.ended() == 1
    assert "Error: no service was started:" in running.log
    assert "broken" in running.log
    assert cause in running.log
    assert "Traceback" not in running.log
    assert " is up at " not in running.log
    assert "Application startup" not in running.log


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    ports = write_project(tmp_path, one=URLS)
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports["one"]))
        other.listen()
        with runserver(tmp_path, ports, up=False) as running:
            assert running.ended() == 1
    assert f"app 'one': cannot listen on 127.0.0.1:{ports['one']}: another process" in running.log


def test_two_apps_with_one_port(tmp_path: Path) -> None:
    ports = write_project(tmp_path, one=URLS, two=URLS)
    config = tmp_path / "apps" / "two" / "apps.py"
    text = config.read_text(encoding="utf-8").replace(str(ports["two"]), str(ports["one"]))
    config.write_text(text, encoding="utf-8")
    with runserver(tmp_path, ports, up=False) as running:
        assert running.ended() == 1
    assert f"apps 'one' and 'two' both get port {ports['one']}" in running.log


def test_a_crash_loop_backs_off_while_the_rest_serves(tmp_path: Path) -> None:
    ports = write_project(tmp_path, good=URLS, bad="urlpatterns = []")
    (tmp_path / "apps" / "bad" / "asgi.py").write_text(CRASHING, encoding="utf-8")
    with runserver(tmp_path, ports, up=False) as running:
        running.wait_for("good is up")
        running.wait_for("bad ended (exit code 9; failure 1 in a row): starting it again now")
        begin = time.monotonic()
        running.wait_for("failure 2 in a row): starting it again in 0.5 s")
        running.wait_for("failure 3 in a row): starting it again in 1 s")
        running.wait_for("failure 4 in a row): starting it again in 2 s")
        assert time.monotonic() - begin > 1.5
        assert running.get("/good/info")["app"] == "good"
        # No client is left waiting at the port of an app that is down.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", ports["bad"]), 2)
    assert running.process.returncode == 0


def test_zombies_are_reaped(tmp_path: Path) -> None:
    ports = write_project(tmp_path, one=ORPHANS)
    prefix = (sys.executable, "-c", SUBREAPER)
    with runserver(tmp_path, ports, prefix=prefix) as running:
        for _ in range(3):
            running.get("/one/orphan")
        pid = running.process.pid
        eventually(lambda: len(children_of(pid)) == 4, 5)
        eventually(lambda: list(children_of(pid).values()) in (["S"], ["R"]), 5)
