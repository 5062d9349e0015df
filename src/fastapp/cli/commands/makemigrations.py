"""``makemigrations``: writes migrations for changes of models."""

from __future__ import annotations

import click

from fastapp.cli.asynchronous import asynchronous


@click.command("makemigrations")
@click.argument("labels", nargs=-1, metavar="[APP]...")
@click.option("--name", help="Name of the migrations, without the number.")
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD:NEW",
    help="A field or model that got another name: Model.old:new or Old:New; repeatable.",
)
@click.option("--empty", is_flag=True, help="Make migrations without operations.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when one is missing.")
@asynchronous
async def makemigrations(
    labels: tuple[str, ...],
    name: str | None,
    renames: tuple[str, ...],
    empty: bool,
    dry_run: bool,
    check: bool,
) -> int:
    """Write migrations for changes of models. No database is asked.

    A field or model that is gone and a new one are never taken for a rename without --rename.
    """
    from fastapp.db.config import migratable_apps
    from fastapp.db.lifecycle import databases
    from fastapp.db.migrations.loading import ensure_package, require_app
    from fastapp.db.migrations.writing import new_migrations

    if empty and not labels:
        raise click.UsageError(
            "--empty needs at least one APP. Fix: name it, such as '--empty shop'."
        )
    for label in labels:
        require_app(label)
    configs = migratable_apps()
    chosen = [label for label in configs if not labels or label in labels]
    write = not (dry_run or check)
    if write:
        for label in chosen:
            ensure_package(label)
    else:
        chosen = [label for label in chosen if "migrations" in configs[label]]
    async with databases() as context:
        found = await new_migrations(context, chosen, name=name, empty=empty, renames=renames)
        for migration in found:
            place = migration.write() if write else "(not written)"
            click.echo(f"{migration.label}.{migration.name}  {place}")
            for text in migration.operations:
                click.echo(f"  - {text}")
            for text in migration.losses:
                click.echo(f"  ! {text}: migrate will want --yes")
            for text in migration.guesses:
                click.echo(f"  ? if this is a rename, and no drop: --rename {text}")
    if not found:
        click.echo("No changes.")
    return 1 if check and found else 0
