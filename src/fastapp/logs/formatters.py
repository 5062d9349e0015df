"""The two forms of a line: for people, and one JSON object for log collectors."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

_ORDINARY = frozenset(
    (
        *vars(logging.makeLogRecord({})),
        *("message", "asctime", "request_id", "trace_id", "span_id"),
        # uvicorn's text for terminals.
        "color_message",
    )
)


class PlainFormatter(logging.Formatter):
    """logging's own, which writes the date and time of a second once."""

    _second = -1
    _written = ""

    def formatTime(  # noqa: N802 - the name is of logging
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Local time as logging writes it, with milliseconds."""
        if datefmt is not None:
            return super().formatTime(record, datefmt)
        second = int(record.created)
        if second != self._second:
            written = time.strftime(self.default_time_format, self.converter(second))
            self._second, self._written = second, written
        else:
            written = self._written
        return f"{written},{int(record.msecs):03d}"


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON.

    ``time`` (UTC), ``level``, ``logger``, ``request_id``, in a request ``trace_id`` and
    ``span_id``, ``message``, with an error ``exception``, and what the call gave as ``extra``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line end."""
        attributes = vars(record)
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": attributes.get("request_id", "-"),
        }
        if attributes.get("trace_id", "-") != "-":
            entry["trace_id"] = attributes["trace_id"]
            entry["span_id"] = attributes["span_id"]
        entry["message"] = record.getMessage()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        for name, value in attributes.items():
            if name not in _ORDINARY:
                entry.setdefault(name, value)
        # What has no JSON form is told as text: a line of the log must not fail.
        return json.dumps(entry, ensure_ascii=False, default=str)
