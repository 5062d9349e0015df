"""Checks of databases. Numbers 060 to 079."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapp.checks.messages import CheckMessage, error
from fastapp.conf import settings
from fastapp.db.credentials import connection_config
from fastapp.exceptions import FastAppError


def check_database_settings() -> Iterator[CheckMessage]:
    """The OPTIONS of every database are known; nothing is connected to."""
    for database in settings.databases.values():
        try:
            connection_config(database, settings.data_dir)
        except FastAppError as exc:
            yield error(60, str(exc))


async def check_reachable(aliases: Sequence[str]) -> list[CheckMessage]:
    """Each of these databases answers a query.

    Args:
        aliases: keys of DATABASES.
    """
    from fastapp.db.lifecycle import connection, databases

    found = []
    async with databases():
        for alias in aliases:
            try:
                await connection(alias).execute_query("SELECT 1")
            except Exception as exc:
                address = settings.databases[alias].address
                found.append(
                    error(
                        61,
                        f"database {alias!r} ({address}) is not reachable: {exc}",
                        f"Check DATABASES[{alias!r}] and that the server runs.",
                    )
                )
    return found
