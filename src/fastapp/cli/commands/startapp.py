"""``startapp``: a new app from the packaged template."""

from __future__ import annotations

import click


@click.command("startapp")
@click.argument("name")
def startapp(name: str) -> None:
    """Make an app in apps/NAME: a model, views, URLs, a migration, tests.

    In the framework's own repository, services/NAME is made too: the target of its image.

    The names of Python's modules and of installed packages are refused, and nothing is ever
    overwritten.
    """
    from fastapp.apps.discovery import APPS_FOLDER, discover_apps
    from fastapp.apps.ports import stable_port
    from fastapp.apps.registry import RESERVED_PREFIXES
    from fastapp.cli.scaffold import check_name, pants_fields, render, service_folder, write_all
    from fastapp.conf import settings
    from fastapp.exceptions import CommandError

    check_name("app", name)
    if name in RESERVED_PREFIXES:
        raise CommandError(
            f"app name {name!r}: the framework serves /{name}. Fix: choose another name"
        )
    folder = settings.BASE_DIR / APPS_FOLDER
    target = folder / name
    service = service_folder(settings.BASE_DIR, name)
    if not folder.is_dir():
        raise CommandError(
            f"there is no folder {folder}. Fix: run this with the manage.py of a project"
        )
    others = [app.rpartition(".")[2] for app in discover_apps(settings.BASE_DIR)]
    values = {
        "name": name,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "test_fields": pants_fields(settings.BASE_DIR, f"{APPS_FOLDER}/{name}"),
    }
    files_by_folder = {target: render("app", values)}
    if service is not None:
        files_by_folder[service] = render("service", values)
    write_all(files_by_folder)
    click.echo(f"Made the app {name!r} in {target}, served at /{name}.")
    if service is not None:
        click.echo(f"Made its service in {service}: pants package services/{name}:image")
    if "INSTALLED_APPS" in settings.model_fields_set:
        click.echo(f"Next: add '{APPS_FOLDER}.{name}' to INSTALLED_APPS.")
    for other in others:
        if stable_port(other) == stable_port(name):
            click.echo(f"Apps {other!r} and {name!r} get one port: set 'port' in {target}/apps.py.")
    click.echo("Next: python manage.py migrate; python manage.py runserver-aio")
