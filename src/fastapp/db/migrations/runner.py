"""Planning and applying migrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tortoise.exceptions import BaseORMException
from tortoise.migrations.executor import MigrationTarget, PlanStep
from tortoise.migrations.graph import MigrationKey

from fastapp.db.lifecycle import connection
from fastapp.db.migrations.destructive import backward_losses, forward_losses
from fastapp.db.migrations.executor import Executor
from fastapp.db.migrations.loading import AppsConfig, by_connection, migrated_apps
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
        steps: migrations to apply or to take back, in order.
        losses: what that loses, one line for each, such as
            "shop.0002_x: drops column Product.sku".
        targets: what the plan was made for.
        executor: carries it out.
    """

    alias: str
    steps: list[PlanStep]
    losses: list[str]
    targets: list[MigrationTarget]
    executor: Executor


async def make_plans(label: str | None = None, name: str | None = None) -> list[Plan]:
    """Plan for every database concerned; changes nothing.

    Args:
        label: app to migrate; None is all apps.
        name: migration to go to, forward or back, by its name or the start of it; "zero" takes all
            of the app's back; None is the latest.

    Raises:
        CommandError: there is no such migration, or a database can not be reached.
    """
    plans = []
    for alias, configs in by_connection(migrated_apps()).items():
        if label is not None and label not in configs:
            continue
        plans.append(await _plan(alias, configs, label, name))
    if label is not None and not plans:
        raise CommandError(f"app {label!r} has no migrations")
    return plans


async def apply(
    plan: Plan, *, fake: bool = False, progress: Callable[[str, str, str], object] | None = None
) -> None:
    """Carry a plan out.

    Args:
        plan: from :func:`make_plans`.
        fake: only record that it is done.
        progress: called with an event ("apply_start", "apply_done", "rollback_start",
            "rollback_done"), the app and the migration.

    Raises:
        CommandError: a statement failed; names the migration. MySQL has no transactions for
            statements that change the schema, so what came before it stays done there.
    """
    current = ""

    def follow(event: str, app: str, name: str) -> None:
        nonlocal current
        current = f"{app}.{name}"
        if progress is not None:
            progress(event, app, name)

    try:
        await plan.executor.migrate(plan.targets, fake=fake, progress=follow)
    except BaseORMException as exc:
        raise CommandError(f"migration {current} of database {plan.alias!r}: {exc}") from exc


async def status(labels: Sequence[str] = ()) -> dict[str, list[tuple[str, bool]]]:
    """Name of every migration and whether it is applied, by app, in order.

    Args:
        labels: apps to look at; none means all.
    """
    found: dict[str, list[tuple[str, bool]]] = {}
    for alias, configs in by_connection(migrated_apps()).items():
        executor = await _executor(alias, configs)
        await executor.loader.build_graph()
        applied = await _applied(executor)
        for label in configs:
            if not labels or label in labels:
                keys = sorted(key for key in executor.loader.graph.nodes if key.app_label == label)
                found[label] = [(key.name, key in applied) for key in keys]
    return found


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
    raise CommandError(f"app {label!r} has no migrations")


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
    losses = []
    state = await executor._project_state(set(applied))
    for step in steps:
        migration = step.migration
        found = backward_losses(migration) if step.backward else forward_losses(migration, state)
        losses += [f"{migration.app_label}.{migration.name}: {text}" for text in found]
    return Plan(alias, steps, losses, targets, executor)


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
    # The recorder takes any error for "no history table", a server that is away included.
    try:
        await client.execute_query("SELECT 1")
    except Exception as exc:
        raise CommandError(f"database {alias!r} is not reachable: {exc}") from exc
    return Executor(client, configs)


async def _applied(executor: Executor) -> set[MigrationKey]:
    return set(await executor.recorder.applied_migrations())


async def _nothing_applied() -> list[MigrationKey]:
    return []
