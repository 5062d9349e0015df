"""``runserver-aio`` as a process: workers, signals, and a folder it may not write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from integration.live import SECONDS, running
from integration.serving import server


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serves_and_ends_in_order(tmp_path: Path, workers: str) -> None:
    with server("--workers", workers, QK_DATA_DIR=str(tmp_path)) as (process, url):
        answer = httpx.get(f"{url}/healthz/ready", headers={"X-Request-ID": "abc"})
        assert answer.status_code == 200
        assert answer.headers["x-request-id"] == "abc"
        assert "server" not in answer.headers
        assert httpx.get(f"{url}/nothing").json()["error"] == "not_found"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "Application shutdown complete" in log
        assert '"GET /nothing HTTP/1.1" 404' in log
        assert "[abc]" in log


def test_a_signal_before_the_server_is_up_ends_it() -> None:
    # As the first process of a container has it: SIGTERM does nothing unless it is handled. The
    # app of the test is slow to import, so the signal arrives during the start.
    code = (
        "import os, signal, sys, threading\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "sys.argv = ['manage.py', 'slow']\n"
        "import click, time\n"
        "import importlib\n"
        "main = importlib.import_module('fastapp.cli.main')\n"
        "@main.cli.command()\n"
        "def slow():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(20)\n"
        "main.LazyGroup.get_command = lambda self, ctx, name: slow\n"
        "main.main()\n"
    )
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        timeout=60,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGTERM


def test_starts_where_it_may_not_write(tmp_path: Path) -> None:
    # Nothing below a file can be made, not even by root.
    with server(QK_DATA_DIR=os.devnull + "/data") as (_process, url):
        assert httpx.get(f"{url}/healthz/live").status_code == 200
        ready = httpx.get(f"{url}/healthz/ready")
        assert ready.status_code == 503
        assert ready.json()["detail"] == {"databases": {"default": "unreachable"}}


def test_no_forwarding_header_is_believed_unless_trusted(tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    for trusted, expected in (("", "127.0.0.1"), ("127.0.0.1", "203.0.113.9")):
        environment = {"QK_DATA_DIR": str(tmp_path), "QK_TRUSTED_PROXIES": trusted}
        with server(**environment) as (process, url):
            httpx.get(f"{url}/nothing", headers=forwarded)
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=60)
            line = next(line for line in log.splitlines() if "GET /nothing" in line)
            assert f"] {expected}:" in line


def test_a_client_that_leaves_a_stream_is_499_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path, "runserver-aio", QK_ACCESS_LOG="1") as (process, url, _port):
        with httpx.stream("GET", f"{url}/live/stream", timeout=SECONDS) as answer:
            assert next(answer.iter_text()).startswith("part 0;")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=SECONDS)
    (line,) = (line for line in log.splitlines() if "/live/stream" in line)
    assert " 499 " in line
