"""``runserver --reload``: a changed source starts its app again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from integration.supervisor.support import (
    START_SECONDS,
    URLS,
    environment,
    eventually,
    runserver,
    write_project,
)


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


def test_a_service_that_is_still_being_loaded_ends_in_order(tmp_path: Path) -> None:
    loading = "import pathlib, time\npathlib.Path('now').touch()\ntime.sleep(600)\n"
    write_project(tmp_path, one=loading)
    ours, theirs = socket.socketpair()
    main = "from fastapp.supervisor.service import main; main()"
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener:
        descriptors = (listener.fileno(), theirs.fileno())
        process = subprocess.Popen(
            [sys.executable, "-c", main, "one", *map(str, descriptors), str(os.getpid())],
            cwd=tmp_path,
            env=environment(tmp_path),
            pass_fds=descriptors,
        )
        try:
            eventually((tmp_path / "now").exists, START_SECONDS)
            # A file was changed.
            process.send_signal(signal.SIGHUP)
            assert process.wait(START_SECONDS) == 0
        finally:
            process.kill()


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
