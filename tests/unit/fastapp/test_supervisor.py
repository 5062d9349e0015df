"""Parts of the supervisor that need no processes."""

from __future__ import annotations

import io
import json
import logging
import os
import socket
from pathlib import Path

import click
import pytest
from unit.fastapp.support import MakeApp

from fastapp.apps import apps
from fastapp.cli.commands.runserver import choose
from fastapp.exceptions import CommandError
from fastapp.supervisor.backoff import Backoff
from fastapp.supervisor.log_stream import LogStream, StreamHandler, mark_json, mark_plain
from fastapp.supervisor.process import describe_exit
from fastapp.supervisor.sockets import close_all, open_listeners, probe_address
from fastapp.supervisor.watching import snapshot


def test_back_off_doubles_up_to_a_cap_and_forgets() -> None:
    backoff = Backoff(base=0.5, maximum=30, healthy_after=30)
    delays = [backoff.delay_after(0) for _ in range(9)]
    assert delays == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    # Up for a moment is no health.
    assert backoff.delay_after(29.9) == 30
    assert backoff.delay_after(30) == 0
    assert backoff.delay_after(0) == 0.5
    backoff.failures = 10**6
    assert backoff.delay_after(0) == 30
    backoff.reset()
    assert backoff.delay_after(0) == 0


def test_lines_carry_the_name() -> None:
    assert mark_plain("shop", b"hello") == b"shop | hello\n"
    marked = json.loads(mark_json("shop", b'{"level": "INFO", "message": "x"}'))
    assert marked == {"service": "shop", "level": "INFO", "message": "x"}
    for line in (b"plain", b"{}", b'{"torn', "漢\x00".encode(), b"\xff"):
        assert json.loads(mark_json("shop", line)) == {
            "service": "shop",
            "message": line.decode(errors="replace"),
        }


def test_lines_of_several_services_are_never_mixed() -> None:
    output = io.BytesIO()
    stream = LogStream(output, as_json=False, width=4)
    stream.start()
    pipes = {name: stream.open_pipe(name) for name in ("one", "four")}
    for part in ("a", "b\nc", "d\n"):
        for name, pipe in pipes.items():
            os.write(pipe, f"{name}{part}".encode())
    os.write(pipes["one"], b"no end")
    for pipe in pipes.values():
        os.close(pipe)
    stream.finish()
    lines = output.getvalue().decode().splitlines()
    assert [line for line in lines if line.startswith("one ")] == [
        "one  | oneaoneb",
        "one  | coned",
        "one  | no end",
    ]
    assert [line for line in lines if line.startswith("four")] == [
        "four | fourafourb",
        "four | cfourd",
    ]


def test_a_reader_that_stopped_does_not_stop_the_supervisor() -> None:
    read, write = os.pipe()
    handler = StreamHandler(write)
    handler.setFormatter(logging.Formatter("%(message)s"))
    record = logging.LogRecord("x", logging.INFO, "", 0, "y" * 1000, None, None)
    for _ in range(1000):
        handler.emit(record)
    handler.close()
    os.close(read)


def test_exit_codes_in_words() -> None:
    assert describe_exit(3) == "exit code 3"
    assert describe_exit(-9) == "killed by SIGKILL"
    assert describe_exit(-63) == "killed by signal 63"


def test_ports_that_can_not_be_had() -> None:
    taken = open_listeners("one", "127.0.0.1", 0)
    host, port = probe_address(taken)
    with pytest.raises(CommandError, match=f"app 'two'.*{host}:{port}: another process has it"):
        open_listeners("two", host, port)
    with pytest.raises(CommandError, match="app 'two': cannot listen on 192.0.2.1:"):
        open_listeners("two", "192.0.2.1", 0)
    close_all(taken)
    assert taken == []
    with socket.socket() as now_free:
        now_free.bind((host, port))


def test_which_apps_are_served(make_app: MakeApp) -> None:
    for name in ("one", "two", "three"):
        make_app(f"apps.{name}", urls="urlpatterns = []")
    apps.populate(["apps.one", "apps.two", "apps.three"])
    configs = apps.get_app_configs()

    def labels(*given: str, exclude: tuple[str, ...] = ()) -> list[str]:
        return [config.label for config in choose(configs, given, exclude)]

    assert labels() == ["one", "two", "three"]
    assert labels("three", "one") == ["one", "three"]
    assert labels(exclude=("one",)) == ["two", "three"]
    with pytest.raises(click.UsageError, match="has the label 'four' .known: one, two, three"):
        labels("four")
    with pytest.raises(click.UsageError, match="has the label 'x' .*Fix: name one"):
        labels(exclude=("x",))
    with pytest.raises(click.UsageError, match="--exclude leaves none. Fix: exclude fewer"):
        labels("one", exclude=("one",))
    with pytest.raises(click.UsageError, match="no app to serve. Fix: put packages into apps/"):
        choose([], [], [])


def test_which_files_are_watched(tmp_path: Path) -> None:
    for name in ("a.py", "b.txt", "sub/c.py", ".git/d.py", "__pycache__/e.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert {path.name for path in snapshot(tmp_path)} == {"a.py", "c.py"}
    assert snapshot(tmp_path / "nothing") == {}
