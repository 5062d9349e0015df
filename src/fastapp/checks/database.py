"""Checks of databases. Numbers 060 to 079."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapp.checks.messages import CheckMessage, error, warning
from fastapp.conf import settings
from fastapp.conf.databases import DatabaseConfig
from fastapp.db.config import require_driver
from fastapp.db.credentials import connection_config
from fastapp.exceptions import FastAppError


def check_database_settings() -> Iterator[CheckMessage]:
    """OPTIONS are known and drivers installed; nothing is imported or connected to."""
    for database in settings.databases.values():
        for number, check in ((62, require_driver), (60, _check_options)):
            try:
                check(database)
            except FastAppError as exc:
                yield error(number, str(exc))


def _check_options(database: DatabaseConfig) -> None:
    connection_config(database, settings.data_dir)


async def check_reachable(aliases: Sequence[str]) -> list[CheckMessage]:
    """Each of these databases answers a query, and has the tables of the apps.

    Args:
        aliases: keys of DATABASES.
    """
    from fastapp.db.lifecycle import connection, databases

    messages = []
    async with databases():
        for alias in aliases:
            try:
                await connection(alias).execute_query("SELECT 1")
            except Exception as exc:  # noqa: BLE001 - each driver has errors of its own
                address = settings.databases[alias].address
                messages.append(
                    error(
                        61,
                        f"database {alias!r} ({address}) is not reachable: {exc}",
                        f"Check DATABASES[{alias!r}] and that the server runs.",
                    )
                )
            else:
                messages += await _check_migrated(alias)
    return messages


async def _check_migrated(alias: str) -> list[CheckMessage]:
    from fastapp.db.migrations.runner import unfinished

    where = f"database {alias!r}"
    try:
        migrations = await unfinished(alias)
    except FastAppError as exc:
        text = str(exc) if where in str(exc) else f"{where}: {exc}"
        return [error(64, text, "Correct the migration that is named, then run check again.")]
    messages = [
        error(
            65,
            f"{where}: {migration.name} stopped half-way ({migration.half_done})",
            f"Run '{migration.command}' first.",
        )
        for migration in migrations
        if migration.half_done
    ]
    missing = [migration.name for migration in migrations if not migration.half_done]
    if missing:
        count = f"{len(missing)} migration{'s' if len(missing) > 1 else ''}"
        messages.append(
            warning(
                63,
                f"{where} lacks {count}: {', '.join(missing)}",
                "Run migrate before this version takes requests.",
            )
        )
    return messages
