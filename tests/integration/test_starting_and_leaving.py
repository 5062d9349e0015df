"""Servers that cannot start, are stopped while they start, or cannot end: codes and messages."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from integration.programs import ended
from integration.serving import SECRET, server

import manage

SECONDS = 60.0
ONE = ["runserver-aio"]
WORKERS = ["runserver-aio", "--workers", "2"]
STARTED = "the module is being loaded"
LEAKS = """
import asyncio, atexit, threading, time
from fastapp.urls import path

def forever():
    time.sleep(600)

async def leak():
    threading.Thread(target=forever, name="leaked-one").start()
    asyncio.get_running_loop().run_in_executor(None, forever)
    return "leaked"

async def late():
    atexit.register(forever)
    return "registered"

urlpatterns = [path("leak", leak), path("late", late)]
"""


def options(folder: Path, urls: str) -> dict[str, str]:
    """The environment of a project with an app of these URLs."""
    app = folder / "live"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "urls.py").write_text(urls, encoding="utf-8")
    paths = [str(folder), *(os.path.abspath(entry) for entry in sys.path if entry)]
    return {
        "QK_INSTALLED_APPS": '["live"]',
        "QK_DATA_DIR": str(folder),
        "QK_SECRET_KEY": SECRET,
        "QK_ALLOWED_HOSTS": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join(paths),
    }


def command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("QK_")}
    return subprocess.Popen(
        [sys.executable, str(manage.__file__), *arguments],
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", [ONE, WORKERS, ["runserver"], ["check"], ["routes"]], ids=" ".join)
@pytest.mark.parametrize("ending", ["sys.exit(5)", "raise SystemExit", "sys.exit(0)"])
def test_an_app_that_exits_while_it_is_loaded(tmp_path: Path, name: list[str], ending: str) -> None:
    process = command(*name, **options(tmp_path, f"import sys\n{ending}\n"))
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, log
    assert "app 'live': cannot import 'live.urls'" in log
    assert "SystemExit" in log
    assert "line 2 of" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("name", [ONE, WORKERS, ["runserver"], ["check"]], ids=" ".join)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_an_app_is_loaded(
    tmp_path: Path, name: list[str], number: signal.Signals
) -> None:
    urls = f"import sys, time\nprint({STARTED!r}, file=sys.stderr, flush=True)\ntime.sleep(600)\n"
    process = command(*name, **options(tmp_path, urls))
    with ended(process) as log:
        deadline = time.monotonic() + SECONDS
        while not any(STARTED in line for line in log):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(SECONDS) == 128 + number
    assert "Traceback" not in "".join(log)


@pytest.mark.parametrize(
    "name",
    [ONE, WORKERS, ["gateway", "--upstream", "x=http://127.0.0.1:9"], ["serve-static", "."]],
    ids=" ".join,
)
def test_a_port_that_is_taken(tmp_path: Path, name: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = command(*name, "--port", port, **options(tmp_path, "urlpatterns = []\n"))
        _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, log
    assert f"cannot listen on 127.0.0.1:{port}: another process has it. Fix: " in log
    assert "Traceback" not in log


@pytest.mark.parametrize("name", [ONE, WORKERS], ids=" ".join)
def test_threads_that_an_app_leaked_do_not_hold_the_process(
    tmp_path: Path, name: list[str]
) -> None:
    import httpx

    environment = options(tmp_path, LEAKS)
    with server(*name[1:], command=name[0], **environment) as (process, url):
        assert httpx.get(f"{url}/live/leak", timeout=SECONDS).json() == "leaked"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=SECONDS)
    # 3 would say that it had to be killed.
    assert process.returncode == 0, log
    assert "leaked-one" in log


def test_what_holds_the_process_without_a_thread_is_named(tmp_path: Path) -> None:
    import httpx

    with server(command="runserver-aio", **options(tmp_path, LEAKS)) as (process, url):
        assert httpx.get(f"{url}/live/late", timeout=SECONDS).json() == "registered"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, log
    assert re.search(r"did not end in 2 s: it was in forever \(.*live/urls.py:\d+\)", log), log
    assert "left behind" not in log
