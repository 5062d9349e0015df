"""Carrying migrations out, so that one that stops half-way can go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.migrations.executor import MigrationExecutor, PlanStep
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.loader import MigrationLoader
from tortoise.migrations.operations import Operation, RunPython, RunSQL, TortoiseOperation
from tortoise.migrations.schema_generator.state import State

from fastapp.db.migrations import operations
from fastapp.db.migrations.editors import Editor, schema_editor
from fastapp.db.migrations.editors.mysql import MySQLEditor
from fastapp.db.migrations.journal import Journal, Progress, fingerprint
from fastapp.db.migrations.recorder import Recorder
from fastapp.db.migrations.session import DEFAULT_WAIT, Notify, write_transaction
from fastapp.db.migrations.statements import changes_schema
from fastapp.exceptions import CommandError

#: Called with an event, the app and the migration.
Follow = Callable[[str, str, str], object]
#: An operation with the models before and after it.
Step = tuple[Operation, State, State]


class OperationFailed(Exception):
    """An operation of a migration that is not one transaction failed.

    Attributes:
        done: what the operations before it did.
        number: its number, from 1.
        total: how many there are.
        description: what it does.
    """

    def __init__(self, progress: Progress, total: int, description: str) -> None:
        self.done = progress.done
        self.number, self.total = len(progress.done) + 1, total
        self.description = description
        super().__init__(description)


class Executor(MigrationExecutor):
    """Plans and applies the migrations of one database."""

    def __init__(self, connection: BaseDBAsyncClient, apps_config: dict[str, Any]) -> None:
        super().__init__(connection, apps_config)
        self.recorder: Recorder = Recorder(connection)
        self.loader = MigrationLoader(apps_config, self.recorder, load=False)
        self.journal = Journal()
        self.wait = DEFAULT_WAIT
        self.notify: Notify | None = None

    def _schema_editor(self, atomic: bool = True, collect_sql: bool = False) -> Editor:
        return schema_editor(self.connection, atomic=atomic, collect_sql=collect_sql)

    async def carry_out(
        self, steps: list[PlanStep], *, fake: bool = False, follow: Follow | None = None
    ) -> None:
        """Apply and unapply migrations, in order.

        Args:
            steps: from a plan that was made in the same session.
            fake: only record that it is done.
            follow: called before and after each.

        Raises:
            OperationFailed: caused by the error; what is done is written down.
        """
        async with self._transaction() as client:
            await self.recorder.through(client).ensure_schema(schema_editor(client, atomic=True))
        applied = set(await self.recorder.applied_migrations())
        under_way = {(item.app, item.name): item for item in await self.under_way()}
        state: State | None = None
        for step in steps:
            key = MigrationKey(app_label=step.migration.app_label, name=step.migration.name)
            progress = under_way.get((key.app_label, key.name))
            before = state
            if step.backward:
                before = await self._project_state(applied, upto=key)
                state = None
            elif before is None:
                before = state = await self._project_state(applied)
            event = "rollback" if step.backward else "apply"
            self._emit(follow, f"{event}_start", key)
            if await self._carry_out(step, before, progress, fake=fake):
                self._emit(follow, f"{event}_done", key)
            (applied.discard if step.backward else applied.add)(key)

    async def under_way(self) -> list[Progress]:
        """Migrations that stopped half-way."""
        return await self.journal.load(self.connection)

    def _transaction(self) -> Any:
        return write_transaction(self.connection, wait=self.wait, notify=self.notify)

    async def _carry_out(
        self, step: PlanStep, state: State, progress: Progress | None, *, fake: bool
    ) -> bool:
        """Whether it was done here, and not by another process meanwhile."""
        key = MigrationKey(app_label=step.migration.app_label, name=step.migration.name)
        if fake:
            if not step.backward:
                await step.migration.apply(state, dry_run=True)
            await self._record(step, progress)
            return True
        can_roll_back = self.connection.capabilities.can_rollback_ddl
        if not (can_roll_back and step.migration.atomic):
            await self._carry_out_by_operation(step, state, progress)
            return True
        async with self._transaction() as client:
            applied = await self.recorder.through(client).applied_migrations()
            if (key in applied) != step.backward:
                if not step.backward:
                    await step.migration.apply(state, dry_run=True)
                return False
            orphans = await _orphans(client)
            editor = schema_editor(client, atomic=True)
            if step.backward:
                await step.migration.unapply(state, schema_editor=editor)
            else:
                await step.migration.apply(state, schema_editor=editor)
            _refuse_orphans(await _orphans(client) - orphans)
            await self._record_through(client, step)
        return True

    async def _record(self, step: PlanStep, progress: Progress | None) -> None:
        async with self._transaction() as client:
            await self._record_through(client, step)
            if progress is not None:
                await self.journal.end(client, progress)

    async def _record_through(self, client: BaseDBAsyncClient, step: PlanStep) -> None:
        recorder = self.recorder.through(client)
        record = recorder.record_unapplied if step.backward else recorder.record_applied
        await record(step.migration.app_label, step.migration.name)

    # A migration that is not one transaction

    async def _carry_out_by_operation(
        self, step: PlanStep, state: State, progress: Progress | None
    ) -> None:
        migration = step.migration
        if progress is None:
            progress = Progress(migration.app_label, migration.name, step.backward)
            await self.journal.begin(self.connection, progress)
        _refuse_changed(step, progress)
        total = len(migration.operations)
        for operation, before, after in _steps(step, state, len(progress.done)):
            try:
                progress = await self._run(operation, step, before, after, progress)
            except Exception as exc:
                latest = next(
                    item
                    for item in await self._under_way_or([progress])
                    if (item.app, item.name) == (progress.app, progress.name)
                )
                raise OperationFailed(latest, total, operation.describe()) from exc
        await self._record(step, progress)

    async def _under_way_or(self, known: list[Progress]) -> list[Progress]:
        with suppress(Exception):
            return await self.under_way()
        return known

    async def _run(
        self, operation: Operation, step: PlanStep, before: State, after: State, progress: Progress
    ) -> Progress:
        async def run(editor: Editor) -> None:
            move = operation.database_backward if step.backward else operation.database_forward
            await move(step.migration.app_label, before, after, editor)

        done = progress.next_operation(operation.describe())
        can_roll_back = self.connection.capabilities.can_rollback_ddl
        if _is_schema_change(operation) and not can_roll_back:
            if not progress.statements:
                editor = MySQLEditor(self.connection, atomic=False)
                editor.planned = []
                await run(editor)
                progress = replace(progress, statements=editor.planned)
            while progress.position < len(progress.statements):
                progress = await self._run_statement(progress)
            await self.journal.save(self.connection, done)
            return done
        if _is_atomic(operation, step, can_roll_back=can_roll_back):
            async with self._transaction() as client:
                await run(schema_editor(client, atomic=True))
                await self.journal.save(client, done)
            return done
        await run(schema_editor(self.connection, atomic=False))
        await self.journal.save(self.connection, done)
        return done

    async def _run_statement(self, progress: Progress) -> Progress:
        """Run one statement of MySQL, unless a process that died got so far as to run it."""
        client, journal = self.connection, self.journal
        statement = progress.statements[progress.position]
        done = replace(progress, position=progress.position + 1, fingerprint="")
        if not changes_schema(statement):
            async with self._transaction() as transaction:
                await transaction.execute_script(statement)
                await journal.save(transaction, done)
            return done
        now = await fingerprint(client, statement)
        if progress.fingerprint in ("", now):
            await journal.save(client, replace(progress, fingerprint=now))
            try:
                await client.execute_script(statement)
            except Exception:
                # It is not done, as the server says. (When the connection is lost this fails, too,
                # and the next process has to find out.) An operation that has done nothing yet may
                # be written in another way then.
                statements = progress.statements if progress.position else []
                with suppress(Exception):
                    await journal.save(
                        client, replace(progress, fingerprint="", statements=statements)
                    )
                raise
        await journal.save(client, done)
        return done


def _is_schema_change(operation: Operation) -> bool:
    """Whether all that an operation does is known before it runs."""
    if isinstance(operation, RunSQL):
        return not any(
            isinstance(sql, (list, tuple))
            for script in (operation.sql, operation.reverse_sql)
            if isinstance(script, (list, tuple))
            for sql in script
        )
    known = type(operation).__module__ in (TortoiseOperation.__module__, operations.__name__)
    return known and isinstance(operation, TortoiseOperation) and type(operation) is not RunPython


def _is_atomic(operation: Operation, step: PlanStep, *, can_roll_back: bool) -> bool:
    if isinstance(operation, (RunPython, RunSQL)):
        return step.migration.atomic if operation.atomic is None else operation.atomic
    return bool(operation.atomic) or (can_roll_back and _is_schema_change(operation))


def _steps(step: PlanStep, state: State, done: int) -> Iterator[Step]:
    """The operations that are not done yet, in the order of their running; moves the state on."""
    migration = step.migration
    if not step.backward:
        for number, operation in enumerate(migration.operations):
            before = state.clone() if number >= done else state
            operation.state_forward(migration.app_label, state)
            if number >= done:
                yield operation, before, state
        return
    forward: list[Step] = []
    for operation in migration.operations:
        if not getattr(operation, "reversible", True):
            raise CommandError(
                f"cannot unapply {migration.app_label}.{migration.name}: operation "
                f"{operation.describe()!r} has no reverse. "
                f"Fix: give it reverse_sql or reverse_code."
            )
        before, state = state.clone(), state.clone()
        operation.state_forward(migration.app_label, state)
        forward.append((operation, state, before))
    yield from list(reversed(forward))[done:]


def _refuse_changed(step: PlanStep, progress: Progress) -> None:
    """What is done has to be what the file says was done first."""
    planned = list(step.migration.operations)
    if step.backward:
        planned.reverse()
    expected = [operation.describe() for operation in planned[: len(progress.done)]]
    if expected != progress.done:
        raise CommandError(
            f"cannot resume {progress.app}.{progress.name}: its file was changed: done="
            f"{', '.join(progress.done)}: these are not its first operations any more. "
            f"Fix: restore the file; or bring the schema to its end by hand, and run "
            f"'migrate {progress.app} {progress.name} --fake'."
        )


async def _orphans(client: BaseDBAsyncClient) -> Counter[tuple[str, str]]:
    """How many rows of a table of SQLite refer to a missing row of another."""
    if client.capabilities.dialect != "sqlite":
        return Counter()
    rows = await client.execute_query_dict("PRAGMA foreign_key_check")
    return Counter((row["table"], row["parent"]) for row in rows)


def _refuse_orphans(orphans: Counter[tuple[str, str]]) -> None:
    for (table, parent), count in orphans.items():
        raise CommandError(
            f"table {table!r}: {count} row(s) would refer to rows of {parent!r} that do not exist. "
            f"Fix: change or delete these rows before, or in the same migration."
        )
