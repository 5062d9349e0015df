"""Logs on the standard ``logging``: every record carries the id of its request."""

from fastapp.logs.request_id import current_request_id, request_id_var
from fastapp.logs.setup import configure_logging, logging_config

__all__ = ["configure_logging", "current_request_id", "logging_config", "request_id_var"]
