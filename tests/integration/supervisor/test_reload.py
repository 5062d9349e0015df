"""``runserver --reload``: a changed source starts its app again."""

from __future__ import annotations

import socket
from pathlib import Path

from integration.supervisor.support import START_SECONDS, URLS, runserver, write_project


def test_reload_starts_the_changed_app_only(tmp_path: Path) -> None:
    ports = write_project(tmp_path, one=URLS, two=URLS)
    with runserver(tmp_path, ports, "--reload") as running:
        before = running.get("/two/info")["pid"]
        assert running.get("/one/info")["word"] == "old"
        (tmp_path / "apps" / "one" / "urls.py").write_text(URLS.replace('"old"', '"newer"'))
        running.wait_for("one: urls.py changed, starting it again")
        running.wait_for("one is up", times=2)
        assert running.get("/one/info")["word"] == "newer"
        assert running.get("/two/info")["pid"] == before


def test_a_reload_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    """Whatever they ask in the grace of an ordinary stop would be answered by the old code."""
    ports = write_project(tmp_path, one=URLS)
    with runserver(tmp_path, ports, "--reload", QK_SHUTDOWN_GRACE="600") as running:
        with socket.create_connection(("127.0.0.1", ports["one"]), START_SECONDS) as idle:
            assert running.get("/one/info")["word"] == "old"
            (tmp_path / "apps" / "one" / "urls.py").write_text(URLS.replace('"old"', '"newer"'))
            running.wait_for("one is up", times=2)
            assert idle.recv(1) == b""
        assert running.get("/one/info")["word"] == "newer"
        # Else it was killed, as a process is that does not end after a change.
        assert "Finished server process" in running.log
