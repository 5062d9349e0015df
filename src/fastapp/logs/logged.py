"""Errors that have their line in the log already, and must only break the connection.

An ASGI application tells its server to break off by raising, and the server logs what was raised:
a second time, with a traceback, and without the id of the request.
"""

from __future__ import annotations

import logging


class AlreadyLogged(Exception):
    """Raise it, or a subclass, after logging why."""


class AlreadyLoggedFilter(logging.Filter):
    """Leaves records out that are about such an error."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for what is in the log already."""
        return record.exc_info is None or not isinstance(record.exc_info[1], AlreadyLogged)
