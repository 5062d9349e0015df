"""``showmigrations``: which migrations there are, and which are applied."""

from __future__ import annotations

import click

from fastapp.cli.asynchronous import asynchronous, with_databases


@click.command("showmigrations")
@click.argument("labels", nargs=-1, metavar="[APP]...")
@asynchronous
@with_databases
async def showmigrations(labels: tuple[str, ...]) -> int:
    """List migrations and whether they are applied."""
    from fastapp.db.migrations.loading import require_app
    from fastapp.db.migrations.runner import status

    for label in labels:
        require_app(label)
    for label, migrations in (await status(labels)).items():
        click.echo(label)
        for migration in migrations:
            name = migration.name.removeprefix(f"{label}.")
            if migration.half_done:
                click.echo(f" [~] {name} ({migration.half_done})")
            else:
                click.echo(f" [{'X' if migration.is_applied else ' '}] {name}")
        if not migrations:
            click.echo(" (none)")
    return 0
