"""Telling a lost connection from a statement that is wrong."""

from __future__ import annotations

from tortoise.exceptions import BaseORMException, DBConnectionError

#: Numbers of MySQL: server shutdown, gone away, lost, killed, closed for inactivity.
_MYSQL_LOST = frozenset({1053, 2006, 2013, 1927, 4031})


def is_connection_lost(exc: BaseORMException) -> bool:
    """Whether a statement failed because its connection was gone.

    The database may have carried the statement out all the same.
    """
    if isinstance(exc, DBConnectionError):
        return True
    cause = exc.args[0] if exc.args else None
    number = cause.args[0] if isinstance(cause, Exception) and cause.args else None
    return number in _MYSQL_LOST
