"""``sqlmigrate``: the SQL of a migration."""

from __future__ import annotations

import click

from fastapp.cli.asynchronous import asynchronous, with_databases


@click.command("sqlmigrate")
@click.argument("app")
@click.argument("migration")
@click.option("--backward", is_flag=True, help="The SQL that unapplies it.")
@asynchronous
@with_databases
async def sqlmigrate(app: str, migration: str, backward: bool) -> int:
    """Print the SQL of a migration."""
    from fastapp.db.migrations.loading import require_app
    from fastapp.db.migrations.runner import sql

    require_app(app)
    for statement in await sql(app, migration, backward=backward):
        end = "" if statement.startswith("--") or statement.rstrip().endswith(";") else ";"
        click.echo(f"{statement}{end}")
    return 0
