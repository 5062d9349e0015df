"""``migrate``: brings the databases to the state of the migrations."""

from __future__ import annotations

import click

from fastapp.cli.asynchronous import asynchronous, with_databases
from fastapp.exceptions import CommandError

#: Exit code when something would be lost and --yes was not given.
EXIT_REFUSED = 3


@click.command("migrate")
@click.argument("app", required=False)
@click.argument("migration", required=False)
@click.option("--yes", is_flag=True, help="Also do what loses data.")
@click.option("--plan", "plan_only", is_flag=True, help="Only show what would be done.")
@click.option("--fake", is_flag=True, help="Only record migrations as applied.")
@asynchronous
@with_databases
async def migrate(
    app: str | None, migration: str | None, yes: bool, plan_only: bool, fake: bool
) -> int:
    """Apply migrations to the databases.

    MIGRATION is a name, the start of one, or "zero". Nothing is asked; a plan that loses data is
    refused with exit code 3 unless --yes is given.
    """
    from fastapp.db.migrations.loading import apps_without_migrations, require_app
    from fastapp.db.migrations.runner import apply, make_plans

    if app is not None:
        require_app(app)
    for label in apps_without_migrations():
        click.echo(f"App {label!r} has models and no migrations: run makemigrations.", err=True)
    plans = await make_plans(app, migration)
    losses = [text for plan in plans for text in plan.losses]
    if plan_only:
        for plan in plans:
            for step in plan.steps:
                verb = "Take back" if step.backward else "Apply"
                click.echo(f"{verb} {step.migration.app_label}.{step.migration.name}")
        for text in losses:
            click.echo(f"LOSES DATA: {text}")
        return 0
    if losses and not (yes or fake):
        raise CommandError(
            "this would lose data:\n"
            + "\n".join(f"  {text}" for text in losses)
            + "\nNothing was done. Run it with --yes if that is what you want.",
            exit_code=EXIT_REFUSED,
        )
    for plan in plans:
        await apply(plan, fake=fake, progress=_progress)
    if not any(plan.steps for plan in plans):
        click.echo("Nothing to do.")
    return 0


def _progress(event: str, app: str, name: str) -> None:
    if event.endswith("_start"):
        return
    verb = "Applied" if event.startswith("apply") else "Took back"
    click.echo(f"{verb} {app}.{name}")
