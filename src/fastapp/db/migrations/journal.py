"""How far a migration has come that is not one transaction.

MySQL and MariaDB commit every statement that changes the schema, so a migration may stop half-way.
A row here says which of its operations are done, and the statements of the one that is not. Before
a statement the state of the tables that it names is written down: a process that dies cannot say
whether the server finished its last statement, and the tables can.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from fastapp.db.migrations.tables import quoted, table_exists

TABLE = "fastapp_migration_progress"
_TYPES = {
    "app": "VARCHAR(255) NOT NULL",
    "name": "VARCHAR(255) NOT NULL",
    "backward": "SMALLINT NOT NULL",
    "done": "TEXT NOT NULL",
    "statements": "TEXT NOT NULL",
    "position": "INT NOT NULL",
    "fingerprint": "VARCHAR(64) NOT NULL",
}
_TRIGGERS = (
    "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.triggers "
    "WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY TRIGGER_NAME"
)
_ROUTINES = (
    "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.routines "
    "WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY ROUTINE_NAME"
)
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")


@dataclass(frozen=True, slots=True)
class Progress:
    """A migration that is under way.

    Attributes:
        app: label of its app.
        name: its name.
        backward: whether it is being unapplied.
        done: what each operation that is done does, in the order of their running.
        statements: those of the operation that was begun, or none.
        position: how many of these are done.
        fingerprint: state of the tables before the statement that was begun, or "".
    """

    app: str
    name: str
    backward: bool
    done: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    position: int = 0
    fingerprint: str = ""

    def next_operation(self, description: str) -> Progress:
        """The same with one more operation done."""
        return replace(
            self, done=[*self.done, description], statements=[], position=0, fingerprint=""
        )


class Journal:
    """The table of one database. The client is given each time: it may be a transaction."""

    async def load(self, client: BaseDBAsyncClient) -> list[Progress]:
        """Migrations that are under way; changes nothing."""
        if not await table_exists(client, TABLE):
            return []
        rows = await client.execute_query_dict(f"SELECT * FROM {_q(client, TABLE)}")
        return [
            Progress(
                row["app"],
                row["name"],
                bool(row["backward"]),
                json.loads(row["done"]),
                json.loads(row["statements"]),
                row["position"],
                row["fingerprint"],
            )
            for row in rows
        ]

    async def begin(self, client: BaseDBAsyncClient, progress: Progress) -> None:
        """Write down that a migration begins."""
        if not await table_exists(client, TABLE):
            dialect = client.capabilities.dialect
            columns = ", ".join(
                f"{_q(client, name)} {'LONGTEXT NOT NULL' if _is_long(kind, dialect) else kind}"
                for name, kind in _TYPES.items()
            )
            key = f"PRIMARY KEY ({_q(client, 'app')}, {_q(client, 'name')})"
            extra = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if dialect == "mysql" else ""
            await client.execute_script(
                f"CREATE TABLE {_q(client, TABLE)} ({columns}, {key}){extra}"
            )
        names = ", ".join(_q(client, name) for name in _TYPES)
        marks = ", ".join(_mark(client, number) for number in range(1, len(_TYPES) + 1))
        await client.execute_query(
            f"INSERT INTO {_q(client, TABLE)} ({names}) VALUES ({marks})", _values(progress)
        )

    async def save(self, client: BaseDBAsyncClient, progress: Progress) -> None:
        """Write down how far a migration has come."""
        changes = ", ".join(
            f"{_q(client, name)} = {_mark(client, number)}"
            for number, name in enumerate(_TYPES, start=1)
        )
        count = len(_TYPES)
        await client.execute_query(
            f"UPDATE {_q(client, TABLE)} SET {changes} WHERE {_q(client, 'app')} = "
            f"{_mark(client, count + 1)} AND {_q(client, 'name')} = {_mark(client, count + 2)}",
            [*_values(progress), progress.app, progress.name],
        )

    async def end(self, client: BaseDBAsyncClient, progress: Progress) -> None:
        """Forget a migration, which is done."""
        await client.execute_query(
            f"DELETE FROM {_q(client, TABLE)} WHERE {_q(client, 'app')} = {_mark(client, 1)} "
            f"AND {_q(client, 'name')} = {_mark(client, 2)}",
            [progress.app, progress.name],
        )


async def fingerprint(client: BaseDBAsyncClient, statement: str) -> str:
    """The state of all that a statement of MySQL may change in the schema."""
    parts: list[Any] = []
    tables = await client.execute_query_dict("SHOW FULL TABLES")
    for row in tables:
        name, kind = row.values()
        parts.append((name, kind))
        if name in statement:
            shown = await client.execute_query_dict(f"SHOW CREATE TABLE {quoted(name, 'mysql')}")
            parts.append([_COUNTER.sub("", str(value)) for value in shown[0].values()])
    for query in (_TRIGGERS, _ROUTINES):
        rows = await client.execute_query_dict(query)
        parts.append([list(row.values()) for row in rows])
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def _values(progress: Progress) -> list[Any]:
    return [
        progress.app,
        progress.name,
        int(progress.backward),
        json.dumps(progress.done),
        json.dumps(progress.statements),
        progress.position,
        progress.fingerprint,
    ]


def _q(client: BaseDBAsyncClient, name: str) -> str:
    return quoted(name, client.capabilities.dialect)


def _mark(client: BaseDBAsyncClient, number: int) -> str:
    return {"mysql": "%s", "postgres": f"${number}"}.get(client.capabilities.dialect, "?")


def _is_long(kind: str, dialect: str) -> bool:
    return dialect == "mysql" and kind.startswith("TEXT")
