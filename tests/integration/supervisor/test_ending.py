"""How ``runserver`` ends: in order, by force, and not at all in order."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest
from integration.supervisor.support import (
    URLS,
    Load,
    children_of,
    eventually,
    fetch,
    is_alive,
    runserver,
    write_project,
)


@pytest.mark.parametrize("keep_alive", [True, False])
def test_sigterm_under_load_loses_no_request(tmp_path: Path, keep_alive: bool) -> None:
    ports = write_project(tmp_path, one=URLS)
    slow: list[int] = []
    with runserver(tmp_path, ports) as running:
        marker = tmp_path / "in-flight"
        url = f"/one/slow?seconds=1.5&marker={marker}"
        waiting = threading.Thread(target=lambda: slow.append(fetch(ports["one"], url)[0]))
        with Load(ports["one"], "/one/info", 8, keep_alive=keep_alive) as load:
            eventually(lambda: load.outcomes["ok"] > 50, 60)
            waiting.start()
            eventually(marker.exists, 60)
            running.process.send_signal(signal.SIGTERM)
            assert running.ended() == 0, running.log
        waiting.join(60)
    assert load.outcomes["lost"] == 0, load.causes
    assert load.outcomes["ok"] > 50
    assert set(load.outcomes) <= {"ok", "refused"}
    # The one that was in flight all the time, too.
    assert slow == [200]
    assert "SIGTERM: finishing requests in flight" in running.log
    assert "all services have ended" in running.log


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    ports = write_project(tmp_path, one=URLS)
    with runserver(tmp_path, ports) as running:
        pid = running.get("/one/info")["pid"]
        marker = tmp_path / "in-flight"
        url = f"/one/slow?seconds=60&marker={marker}"
        hanging = threading.Thread(target=_ignore_errors, args=(ports["one"], url), daemon=True)
        hanging.start()
        eventually(marker.exists, 60)
        running.process.send_signal(signal.SIGINT)
        running.wait_for("SIGINT: finishing requests in flight")
        eventually(lambda: not _takes_connections(ports["one"]), 20)
        assert is_alive(pid)
        running.process.send_signal(signal.SIGINT)
        assert running.ended() == 3, running.log
        assert not is_alive(pid)
    # The request had 60 seconds to go, and the first signal gives it 30: it did not take that end.
    assert "not ended after" not in running.log
    assert "SIGINT again: ending at once" in running.log


def _ignore_errors(port: int, url: str) -> None:
    try:
        fetch(port, url, limit=70)
    except (OSError, ValueError):
        return


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_no_service_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    ports = write_project(tmp_path, one=URLS, two=URLS)
    with runserver(tmp_path, ports, "--workers", "2", up=False) as running:
        running.wait_for(" is up at ", times=4)
        pids = list(children_of(running.process.pid))
        assert len(pids) == 4
        assert "two:2" in running.log
        os.kill(running.process.pid, signal.SIGKILL)
        eventually(lambda: not any(map(is_alive, pids)), 30)
        running.ended()
