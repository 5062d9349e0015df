"""``startproject``: a new project from the packaged template."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("startproject")
@click.argument("name")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
def startproject(name: str, directory: Path | None) -> None:
    """Make a project: manage.py, settings, a folder for apps, a test.

    In a new folder NAME, or in DIRECTORY, which may exist. Nothing is ever overwritten.
    """
    import secrets

    from fastapp.cli.scaffold import check_name, pants_fields, render, write

    check_name("project", name)
    target = (Path(name) if directory is None else directory).absolute()
    values = {
        "name": name,
        "secret_key": secrets.token_urlsafe(48),
        "test_fields": pants_fields(target, "apps", "common"),
    }
    write(target, render("project", values))
    click.echo(f"Made the project {name!r} in {target}.")
    click.echo("Next, in that folder: python manage.py startapp NAME")
