"""A process killed during a migration on MariaDB: the next ``migrate`` resumes it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.migrations.long_migration import ROWS
from integration.migrations.stores import Project
from tortoise.backends.mysql import client

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|RENAME)\b")


def dump(project: Project) -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    """Definition and rows of every table."""
    found = {}
    for (name,) in project.store.query("SHOW TABLES"):
        definition = project.store.query(f"SHOW CREATE TABLE `{name}`")[0][1]
        columns = "app, name" if name == "tortoise_migrations" else "*"
        rows = project.store.query(f"SELECT {columns} FROM `{name}`")
        if name == "item":
            # A transaction that is rolled back uses a number up.
            rows = [row[1:] for row in rows]
        found[name] = (re.sub(r" AUTO_INCREMENT=\d+", "", definition), sorted(rows, key=str))
    return found


def restorer(project: Project) -> Callable[[], None]:
    """What brings the database back to the state that it has now."""
    statements = ["SET FOREIGN_KEY_CHECKS=0"]
    for (name,) in project.store.query("SHOW TABLES"):
        statements.append(project.store.query(f"SHOW CREATE TABLE `{name}`")[0][1])
    history = "VALUES ('shop', '0001_first', NOW())"
    statements += ROWS
    statements.append(f"INSERT INTO tortoise_migrations (app, name, applied_at) {history}")

    def restore() -> None:
        project.store.empty()
        project.store.query("; ".join([*statements, "SET FOREIGN_KEY_CHECKS=1"]))

    return restore


def killer(number: int, log: Path, *, wait_for_answer: bool) -> Callable[[], None]:
    """What makes a process end itself at a write: before its answer came, or after.

    Args:
        number: of the write, from 1; 0 is none.
        log: gets the first line of each write.
        wait_for_answer: whether the server has answered then.
    """

    def install() -> None:
        count = 0

        def wrap(original: Any) -> Any:
            async def run(self: Any, query: str, *values: Any) -> Any:
                nonlocal count
                if not _WRITES.match(query):
                    return await original(self, query, *values)
                count += 1
                with log.open("a") as file:
                    file.write(query.strip().splitlines()[0] + "\n")
                if count != number:
                    return await original(self, query, *values)
                if wait_for_answer:
                    await original(self, query, *values)
                else:
                    # As far as it goes without an answer: the statement is sent.
                    step = original(self, query, *values)
                    step.send(None)
                os.kill(os.getpid(), signal.SIGKILL)
                raise AssertionError

            return run

        kind: Any = client.MySQLClient
        kind.execute_script = wrap(kind.execute_script)
        kind.execute_query = wrap(kind.execute_query)
        kind.execute_insert = wrap(kind.execute_insert)

    return install


@pytest.mark.timeout(800)
@pytest.mark.parametrize(
    ("of_journal", "wait_for_answer"),
    [(False, True), (False, False), (True, True)],
    ids=["statement-done", "statement-sent", "journal-written"],
)
def test_the_next_migrate_finishes(shop: Project, of_journal: bool, wait_for_answer: bool) -> None:
    """Killed at any write, and at some of the journal's: each is next to another statement."""
    restore = restorer(shop)
    log = shop.folder / "writes"
    done = shop.run("migrate", "--yes", first=killer(0, log, wait_for_answer=True))
    assert done.code == 0, done.err
    expected = dump(shop)
    assert expected["fastapp_migration_progress"][1] == []
    writes = log.read_text().splitlines()
    assert len(writes) > 40
    chosen = [
        (number, statement)
        for number, statement in enumerate(writes, start=1)
        if ("fastapp_migration_progress" in statement) == of_journal
    ]
    for number, statement in chosen[:: 4 if of_journal else 1]:
        restore()
        where = f"write {number} ({statement})"
        killed = shop.run(
            "migrate", "--yes", first=killer(number, log, wait_for_answer=wait_for_answer)
        )
        assert killed.code == -signal.SIGKILL, f"{where}: {killed}"
        resumed = shop.run("migrate", "--yes")
        assert resumed.code == 0, f"{where}: {resumed.err}"
        assert dump(shop) == expected, where
