"""``migrate``: brings the databases to the state of the migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fastapp.cli.asynchronous import asynchronous, with_databases
from fastapp.exceptions import CommandError

if TYPE_CHECKING:
    from fastapp.db.migrations.runner import Plan

#: Exit code when something would be lost and --yes was not given.
EXIT_REFUSED = 3


@click.command("migrate")
@click.argument("app", required=False)
@click.argument("migration", required=False)
@click.option("--yes", is_flag=True, help="Also do what loses data.")
@click.option("--plan", "plan_only", is_flag=True, help="Only show what would be done.")
@click.option("--fake", is_flag=True, help="Only record migrations as applied.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another process that migrates.",
)
@asynchronous
@with_databases
async def migrate(
    app: str | None, migration: str | None, yes: bool, plan_only: bool, fake: bool, wait: float
) -> int:
    """Apply migrations to the databases.

    MIGRATION is a name, the start of one, or "zero". Nothing is asked; a plan that loses data is
    refused with exit code 3 unless --yes is given. One process migrates at a time: others wait.
    """
    from fastapp.db.migrations.loading import apps_without_migrations, require_app
    from fastapp.db.migrations.runner import apply, exclusive, make_plans

    if app is not None:
        require_app(app)
    for label in apps_without_migrations():
        click.echo(f"App {label!r} has models and no migrations: run makemigrations.", err=True)
    if plan_only:
        _show(await make_plans(app, migration))
        return 0
    async with exclusive(app, wait=wait, notify=_notify):
        plans = await make_plans(app, migration)
        losses = [text for plan in plans for text in plan.losses]
        if losses and not (yes or fake):
            raise CommandError(
                "this would lose data, or fail on the rows that there are:\n"
                + "\n".join(f"  {text}" for text in losses)
                + "\nNothing was done. Run it with --yes if that is what you want.",
                exit_code=EXIT_REFUSED,
            )
        for plan in plans:
            for text in plan.resumed:
                click.echo(f"Resuming {text}")
            await apply(plan, fake=fake, progress=_progress, wait=wait, notify=_notify)
    if not any(plan.steps for plan in plans):
        click.echo("Nothing to do.")
    return 0


def _show(plans: list[Plan]) -> None:
    for plan in plans:
        for text in plan.resumed:
            click.echo(f"Resume {text}")
        for step in plan.steps:
            verb = "Unapply" if step.backward else "Apply"
            click.echo(f"{verb} {step.migration.app_label}.{step.migration.name}")
    for plan in plans:
        for text in plan.losses:
            click.echo(f"LOSES DATA: {text}")


def _notify(text: str) -> None:
    click.echo(text, err=True)


def _progress(event: str, app: str, name: str) -> None:
    if event.endswith("_start"):
        return
    verb = "Applied" if event.startswith("apply") else "Unapplied"
    click.echo(f"{verb} {app}.{name}")
