"""Logging: the request id in every record, JSON lines, and the LOGGING setting."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator

import pytest

from fastapp.conf import override_settings
from fastapp.logs import configure_logging, logging_config, request_id_var
from fastapp.logs.access import log_request
from fastapp.logs.context_filter import ContextFilter
from fastapp.logs.formatters import JsonFormatter, PlainFormatter


@pytest.fixture(autouse=True)
def keep_logging() -> Iterator[None]:
    """The configuration of the process is as before at the end."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("a.b", logging.INFO, "file.py", 1, message, (), None)
    made.__dict__.update(extra)
    return made


def test_the_filter_adds_the_request_id() -> None:
    token = request_id_var.set("r-1")
    try:
        made = record("x")
        assert ContextFilter().filter(made) is True
        assert made.__dict__["request_id"] == "r-1"
    finally:
        request_id_var.reset(token)


def test_json_lines() -> None:
    line = JsonFormatter().format(record("线 \n two", request_id="r-2"))
    assert "\n" not in line
    entry = json.loads(line)
    assert entry["message"] == "线 \n two"
    assert (entry["level"], entry["logger"], entry["request_id"]) == ("INFO", "a.b", "r-2")
    assert entry["time"].endswith("+00:00")


def test_json_lines_of_exceptions() -> None:
    error = RuntimeError("broken")
    made = record("x", exc_info=(RuntimeError, error, error.__traceback__))
    assert "RuntimeError: broken" in json.loads(JsonFormatter().format(made))["exception"]


@pytest.mark.parametrize("form", ["plain", "json"])
def test_the_format_is_a_setting(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    with override_settings(LOG_FORMAT=form, LOG_LEVEL="WARNING") as settings:
        configure_logging(settings)
    logging.getLogger("some.app").info("not shown")
    logging.getLogger("some.app").warning("shown")
    shown = capsys.readouterr().err
    assert "not shown" not in shown
    if form == "json":
        assert json.loads(shown)["request_id"] == "-"
    else:
        assert shown.endswith("WARNING some.app [-] shown\n")


def test_the_logging_setting_is_merged_in() -> None:
    extra = {"loggers": {"some.app": {"level": "DEBUG"}}, "root": {"level": "ERROR"}}
    with override_settings(LOGGING=extra) as settings:
        config = logging_config(settings)
    assert config["root"] == {"level": "ERROR", "handlers": ["console"]}
    assert config["loggers"]["some.app"] == {"level": "DEBUG"}
    assert "aiosqlite" in config["loggers"]


def test_extras_are_keys_of_the_line() -> None:
    made = record("paid", request_id="r", trace_id="t" * 32, span_id="s" * 16, order=7, at={1, 2})
    entry = json.loads(JsonFormatter().format(made))
    assert (entry["order"], entry["trace_id"]) == (7, "t" * 32)
    # What JSON has no form for.
    assert entry["at"] == "{1, 2}"
    assert "trace_id" not in json.loads(JsonFormatter().format(record("x", trace_id="-")))


def test_plain_times_are_those_of_logging() -> None:
    ours, theirs = PlainFormatter("%(asctime)s"), logging.Formatter("%(asctime)s")
    for created in (1.0, 1.999, 1_700_000_000.25, 1_700_000_000.5, 1_700_000_001.0):
        made = record("x", created=created, msecs=int(created % 1 * 1000))
        assert ours.format(made) == theirs.format(made)


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_request_is_one_line(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    with override_settings(LOG_FORMAT=form) as settings:
        configure_logging(settings)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/a\n2026 forged",
        "raw_path": b"/a\n2026 forged\xff",
        "client": ("10.0.0.1", 5),
        "http_version": "1.1",
    }
    log_request(scope, 200, 0.0123, {"route": "/{x}"})
    logging.getLogger("fastapp.access").setLevel("WARNING")
    log_request(scope, 200, 0.0123, {})
    logging.getLogger("fastapp.access").setLevel("NOTSET")
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "10.0.0.1:5 - " in shown
    if form == "json":
        entry = json.loads(shown)
        assert (entry["route"], entry["status"], entry["duration_ms"]) == ("/{x}", 200, 12.3)
        assert entry["path"] == "/a%0A2026%20forged%C3%BF"
