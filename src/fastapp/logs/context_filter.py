"""Completes records of the log with what they are about: request and trace."""

from __future__ import annotations

import logging

from fastapp.logs.request_id import request_id_var
from fastapp.tracing.context import trace_var


class ContextFilter(logging.Filter):
    """Adds ``request_id``, ``trace_id`` and ``span_id`` to every record; "-" outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: records are completed, never dropped."""
        record.request_id = request_id_var.get()
        trace = trace_var.get()
        record.trace_id, record.span_id = ("-", "-") if trace is None else trace[:2]
        return True
