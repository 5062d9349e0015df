"""The id of the request that is being served, for logs and errors."""

from __future__ import annotations

from contextvars import ContextVar

NO_REQUEST = "-"

request_id_var: ContextVar[str] = ContextVar("fastapp_request_id", default=NO_REQUEST)


def current_request_id() -> str:
    """Id of the request being served, or "-" outside a request."""
    return request_id_var.get()
