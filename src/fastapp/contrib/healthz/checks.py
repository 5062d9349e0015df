"""Asking databases whether they answer, through the pools that requests use."""

from __future__ import annotations

import asyncio
import logging

from fastapp.conf import settings
from fastapp.db.lifecycle import connection

logger = logging.getLogger("fastapp.healthz")


#: The check that is under way.
_current: asyncio.Task[dict[str, str]] | None = None


async def check_databases() -> dict[str, str]:
    """Ask every database for a row, once for all who want to know at the same time.

    The pools are used and left open: closing them would break the requests in flight. A thousand
    who ask would else wait for each other longer than a check may take.

    Returns:
        "ok", "timeout" or "unreachable" by alias. The cause goes to the log only.
    """
    global _current  # noqa: PLW0603 - one of the process, as the databases are
    loop = asyncio.get_running_loop()
    if _current is None or _current.done() or _current.get_loop() is not loop:
        _current = loop.create_task(_check_all())
    # One who leaves does not end the check of the others.
    return dict(await asyncio.shield(_current))


async def _check_all() -> dict[str, str]:
    aliases = list(settings.databases)
    results = await asyncio.gather(*(_check(alias) for alias in aliases))
    return dict(zip(aliases, results, strict=True))


async def _check(alias: str) -> str:
    try:
        async with asyncio.timeout(settings.HEALTH_CHECK_TIMEOUT):
            await connection(alias).execute_query("SELECT 1")
    except TimeoutError:
        logger.warning("database %r gave no answer in time", alias)
        return "timeout"
    except Exception as exc:  # noqa: BLE001 - each driver has errors of its own
        logger.warning("database %r is not reachable: %s", alias, exc)
        return "unreachable"
    return "ok"
