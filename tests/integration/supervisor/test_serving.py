"""``runserver`` while all goes well, and when a service is killed under load."""

from __future__ import annotations

import os
import signal

from integration.supervisor.support import Load, Running, eventually, fetch, is_alive


def test_each_app_at_its_prefix_on_its_own_port(two_apps: Running) -> None:
    one, two = two_apps.get("/one/info"), two_apps.get("/two/info")
    assert (one["app"], two["app"]) == ("one", "two")
    assert one["pid"] != two["pid"]
    assert fetch(two_apps.ports["one"], "/healthz")[0] == 200
    # What the other app serves is not here.
    assert fetch(two_apps.ports["one"], "/two/info")[0] == 404


def test_one_log_with_the_names_of_the_apps(two_apps: Running) -> None:
    two_apps.get("/one/info")
    two_apps.wait_for('"GET /one/info HTTP/1.1" 200', limit=5)
    line = next(line for line in two_apps.lines if '"GET /one/info' in line)
    assert line.startswith("one        | ")
    up = [line for line in two_apps.lines if " is up at " in line]
    assert all(line.startswith("supervisor | ") for line in up)
    assert f"one is up at http://127.0.0.1:{two_apps.ports['one']}/one (process " in "".join(up)
    # It is called up when it has answered, not when it was started.
    log = two_apps.log
    assert log.index('"GET /healthz/live HTTP/1.1" 200') < log.index(" is up at ")


def test_killed_under_load(two_apps: Running) -> None:
    clients = 6
    old = two_apps.get("/one/info")["pid"]
    with (
        Load(two_apps.ports["one"], "/one/slow?seconds=0.01", clients, keep_alive=False) as one,
        Load(two_apps.ports["two"], "/two/slow?seconds=0.01", 2, keep_alive=True) as two,
    ):
        eventually(lambda: one.outcomes["ok"] > 20 and two.outcomes["ok"] > 20, 60)
        os.kill(old, signal.SIGKILL)
        eventually(lambda: one.pids - {old, 0}, 60)
        answered = one.outcomes["ok"]
        eventually(lambda: one.outcomes["ok"] > answered + 20, 60)
    # Each client had one request in flight at most; what came later waited for the new process.
    assert one.outcomes["lost"] <= clients, one.causes
    assert one.outcomes["refused"] == 0
    assert set(one.outcomes) <= {"ok", "lost"}
    assert set(two.outcomes) == {"ok"}
    assert not is_alive(old)
    two_apps.wait_for("one ended (killed by SIGKILL; failure 1 in a row): starting it again now")
    two_apps.wait_for("one is up at", times=2)
