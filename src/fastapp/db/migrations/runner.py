"""Planning and applying migrations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tortoise.exceptions import BaseORMException
from tortoise.migrations.executor import MigrationTarget, PlanStep
from tortoise.migrations.graph import MigrationKey

from fastapp.db.errors import is_connection_lost
from fastapp.db.lifecycle import connection
from fastapp.db.migrations.destructive import (
    Loss,
    backward_losses,
    certain_losses,
    created_tables,
    forward_losses,
)
from fastapp.db.migrations.executor import Executor, OperationFailed
from fastapp.db.migrations.journal import Progress
from fastapp.db.migrations.loading import AppsConfig, by_connection, migrated_apps
from fastapp.db.migrations.session import DEFAULT_WAIT, Notify, migration_session
from fastapp.exceptions import CommandError

#: Name that stands for "before the first migration".
ZERO = "zero"
_LATEST = "__latest__"
_FIRST = "__first__"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done to one database.

    Attributes:
        alias: the database.
        steps: migrations to apply or to unapply, in order.
        losses: what that loses, one line for each, such as
            "shop.0002_x: drops column Product.sku".
        resumed: migrations that stopped half-way and go on, one line for each.
        executor: carries it out.
    """

    alias: str
    steps: list[PlanStep]
    losses: list[str]
    executor: Executor
    resumed: list[str] = field(default_factory=list)


@asynccontextmanager
async def exclusive(
    label: str | None = None, *, wait: float = DEFAULT_WAIT, notify: Notify | None = None
) -> AsyncIterator[None]:
    """No other process migrates the databases concerned inside the block.

    Args:
        label: app to migrate; None is all apps.
        wait: seconds to wait for another process.
        notify: called with a line when there is another one.

    Raises:
        CommandError: a database cannot be reached, or the other process took too long.
    """
    async with AsyncExitStack() as stack:
        # In one order everywhere, or two processes could wait for each other.
        for alias, configs in sorted(by_connection(migrated_apps()).items()):
            if label is None or label in configs:
                await stack.enter_async_context(migration_session(alias, wait=wait, notify=notify))
        yield


async def make_plans(label: str | None = None, name: str | None = None) -> list[Plan]:
    """Plan for every database concerned; changes nothing.

    Args:
        label: app to migrate; None is all apps.
        name: migration to go to, forward or back, by its name or the start of it; "zero" unapplies
            all of the app's; None is the latest.

    Raises:
        CommandError: there is no such migration, or a database cannot be reached.
    """
    plans = []
    for alias, configs in by_connection(migrated_apps()).items():
        if label is not None and label not in configs:
            continue
        plans.append(await _plan(alias, configs, label, name))
    if label is not None and not plans:
        raise CommandError(_no_migrations(label))
    return plans


async def apply(
    plan: Plan,
    *,
    fake: bool = False,
    progress: Callable[[str, str, str], object] | None = None,
    wait: float = DEFAULT_WAIT,
    notify: Notify | None = None,
) -> None:
    """Carry a plan out. Other processes are kept away by :func:`exclusive`.

    Args:
        plan: from :func:`make_plans`.
        fake: only record that it is done.
        progress: called with an event ("apply_start", "apply_done", "rollback_start",
            "rollback_done"), the app and the migration.
        wait: seconds to wait for another process (SQLite).
        notify: called with a line when there is another one (SQLite).

    Raises:
        CommandError: a statement failed; names the migration. Where the database has no
            transactions for statements that change the schema, it also names the operation, and
            what is done.
    """
    current = ""

    def follow(event: str, app: str, name: str) -> None:
        nonlocal current
        current = f"{app}.{name}"
        if progress is not None:
            progress(event, app, name)

    plan.executor.wait, plan.executor.notify = wait, notify
    try:
        await plan.executor.carry_out(plan.steps, fake=fake, follow=follow)
    except OperationFailed as exc:
        raise CommandError(_half_way(current, plan.alias, exc)) from exc.__cause__
    except (BaseORMException, CommandError, OSError) as exc:
        if not current:
            raise
        fix = "" if "Fix: " in str(exc) else ". Fix: remove the cause, then run migrate again."
        text = str(exc).rstrip()
        raise CommandError(f"migration {current} of database {plan.alias!r}: {text}{fix}") from exc


def _no_migrations(label: str) -> str:
    return f"app {label!r} has no migrations. Fix: run 'makemigrations {label}' first."


def _half_way(current: str, alias: str, exc: OperationFailed) -> str:
    cause = exc.__cause__
    lost = isinstance(cause, BaseORMException) and is_connection_lost(cause)
    text = (
        f"migration {current} of database {alias!r}: operation {exc.number} of {exc.total} "
        f"({exc.description}): {cause}."
    )
    lines = [text]
    if exc.done:
        lines.append(f"Done: {', '.join(exc.done)}.")
    lines.append(
        "Fix: when the database is back, run migrate again."
        if lost
        else "Fix: remove the cause, then run migrate again."
    )
    lines.append(f"It goes on with operation {exc.number}.")
    return " ".join(lines)


@dataclass(frozen=True, slots=True)
class Status:
    """How far a migration is.

    Attributes:
        name: with the label of its app, e.g. "shop.0002_price".
        is_applied: whether it is recorded as applied.
        half_done: how far it is when it stopped half-way, e.g. "1 of 2 operations done"; or "".
        command: what goes on with it then, e.g. "migrate shop 0001_initial"; or "".
    """

    name: str
    is_applied: bool
    half_done: str = ""
    command: str = ""


async def status(labels: Sequence[str] = ()) -> dict[str, list[Status]]:
    """Every migration by app, in order.

    Args:
        labels: apps to look at; none means all.
    """
    migrations: dict[str, list[Status]] = {}
    for alias, configs in by_connection(migrated_apps()).items():
        chosen = [label for label in configs if not labels or label in labels]
        if chosen:
            migrations |= await _status_of(alias, configs, chosen)
    return migrations


async def unfinished(alias: str) -> list[Status]:
    """The migrations that a database lacks, or has in part; by app, in order.

    Args:
        alias: a key of DATABASES.
    """
    configs = by_connection(migrated_apps()).get(alias, {})
    migrations = await _status_of(alias, configs, list(configs)) if configs else {}
    return [
        migration
        for of_app in migrations.values()
        for migration in of_app
        if not migration.is_applied or migration.half_done
    ]


async def _status_of(
    alias: str, configs: AppsConfig, labels: Sequence[str]
) -> dict[str, list[Status]]:
    executor = await _executor(alias, configs)
    await executor.loader.build_graph()
    applied = await _applied(executor)
    under_way = {(item.app, item.name): item for item in await executor.under_way()}
    migrations: dict[str, list[Status]] = {label: [] for label in labels}
    for key in sorted(executor.loader.graph.nodes):
        if key.app_label not in migrations:
            continue
        name = f"{key.app_label}.{key.name}"
        item = under_way.get((key.app_label, key.name))
        migrations[key.app_label].append(
            Status(name, key in applied)
            if item is None
            else Status(name, key in applied, _how_far(executor, item), _command(executor, item))
        )
    return migrations


async def sql(label: str, name: str, *, backward: bool = False) -> list[str]:
    """The statements of one migration, comments included; the database is not asked.

    Raises:
        CommandError: there is no such migration.
    """
    for alias, configs in by_connection(migrated_apps()).items():
        if label in configs:
            executor = Executor(connection(alias), configs)
            executor.recorder.applied_migrations = _nothing_applied  # type: ignore[method-assign]
            try:
                return await executor.collect_sql(label, name, backward=backward)
            except ValueError as exc:
                raise CommandError(str(exc)) from exc
    raise CommandError(_no_migrations(label))


async def _plan(alias: str, configs: AppsConfig, label: str | None, name: str | None) -> Plan:
    executor = await _executor(alias, configs)
    await executor.loader.build_graph()
    applied = await _applied(executor)
    targets = [
        MigrationTarget(app, _target(executor, app, name))
        for app in ([label] if label is not None else configs)
        if any(key.app_label == app for key in executor.loader.graph.nodes)
    ]
    try:
        steps = executor._migration_plan(targets, applied, executor.loader.graph)
    except ValueError as exc:
        raise CommandError(str(exc)) from exc
    under_way = await executor.under_way()
    steps = _resumed_first(steps, under_way, executor)
    losses = await _losses(executor, steps, applied)
    resumed = [f"{item.app}.{item.name} ({_how_far(executor, item)})" for item in under_way]
    return Plan(alias, steps, losses, executor, resumed)


async def _losses(
    executor: Executor, steps: list[PlanStep], applied: set[MigrationKey]
) -> list[str]:
    losses: list[Loss] = []
    state = await executor._project_state(set(applied))
    created: set[str] = set()
    for step in steps:
        migration = step.migration
        where = f"{migration.app_label}.{migration.name}: "
        if step.backward:
            before = await executor._project_state(
                set(applied), upto=MigrationKey(migration.app_label, migration.name)
            )
            step_losses = backward_losses(migration, before)
        else:
            step_losses = forward_losses(migration, state)
            created |= created_tables(migration)
        losses += [loss.within(where) for loss in step_losses]
    return await certain_losses(losses, executor.connection, created)


def _resumed_first(
    steps: list[PlanStep], under_way: list[Progress], executor: Executor
) -> list[PlanStep]:
    """The steps, and before all others those of migrations that stopped half-way.

    Raises:
        CommandError: such a migration is not among them; says the command that goes on with it.
    """
    first = []
    for item in under_way:
        step = next(
            (
                step
                for step in steps
                if (step.migration.app_label, step.migration.name) == (item.app, item.name)
                and step.backward == item.backward
            ),
            None,
        )
        if step is None:
            raise CommandError(
                f"cannot migrate: {item.app}.{item.name} stopped half-way "
                f"({_how_far(executor, item)}). Fix: run '{_command(executor, item)}' first."
            )
        first.append(step)
    return first + [step for step in steps if step not in first]


def _command(executor: Executor, item: Progress) -> str:
    """What goes on with a migration that stopped half-way."""
    return f"migrate {item.app} {_before(executor, item) if item.backward else item.name}"


def _before(executor: Executor, item: Progress) -> str:
    """What to migrate to so that a migration is unapplied."""
    earlier = sorted(
        key.name
        for key in executor.loader.graph.nodes
        if key.app_label == item.app and key.name < item.name
    )
    return earlier[-1] if earlier else ZERO


def _how_far(executor: Executor, item: Progress) -> str:
    node = executor.loader.graph.nodes.get(MigrationKey(item.app, item.name))
    total = len(getattr(node, "operations", ()))
    verb = "unapplied" if item.backward else "done"
    return f"{len(item.done)} of {total} operations {verb}"


def _target(executor: Executor, label: str, name: str | None) -> str:
    if name is None:
        return _LATEST
    if name == ZERO:
        return _FIRST
    try:
        return executor._resolve_migration_key(label, name).name
    except ValueError as exc:
        raise CommandError(str(exc)) from exc


async def _executor(alias: str, configs: AppsConfig) -> Executor:
    client = connection(alias)
    try:
        await client.execute_query("SELECT 1")
    except Exception as exc:
        raise CommandError(f"database {alias!r} is not reachable: {exc}") from exc
    return Executor(client, configs)


async def _applied(executor: Executor) -> set[MigrationKey]:
    return set(await executor.recorder.applied_migrations())


async def _nothing_applied() -> list[MigrationKey]:
    return []
