"""``runserver``: every app as a service of its own, under a supervisor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fastapp.apps import AppConfig


@click.command("runserver")
@click.argument("labels", nargs=-1, metavar="[APP]...")
@click.option("--exclude", multiple=True, metavar="APP", help="Leave this app out; repeatable.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes of each app.",
)
@click.option("--reload", is_flag=True, help="Start an app again when its source changes.")
@click.option("--host", help="Address to listen on.  [default: HOST, 127.0.0.1]")
def runserver(
    labels: tuple[str, ...], exclude: tuple[str, ...], workers: int, reload: bool, host: str | None
) -> int:
    """Serve each app in a process of its own, on its own port.

    All apps, or the APPs that are named. 'about' prints the ports. An app that ends is started
    again, at once first and then after 0.5, 1, 2, ... and at most 30 seconds. SIGTERM and Ctrl-C
    let requests in flight finish, for SHUTDOWN_TIMEOUT seconds; a second one does not.

    Exits with 0 when everything ended in order, 1 when an app cannot be loaded or its port is
    taken (no app is served then), 2 for wrong usage, 3 when a service had to be killed.
    """
    from fastapp.apps import apps
    from fastapp.apps.ports import check_ports
    from fastapp.cli.commands.runserver_aio import server_options
    from fastapp.conf import settings
    from fastapp.conf.required import require_settings
    from fastapp.contrib.metrics import require_token
    from fastapp.supervisor.run import supervise
    from fastapp.supervisor.supervisor import Service

    require_settings(settings)
    require_token(settings)
    # Fails here, once, when a package of the server is missing.
    options = server_options(settings.HOST if host is None else host, 0, "runserver")
    address = str(options["host"])
    apps.populate()
    chosen = choose(apps.get_app_configs(), labels, exclude)
    check_ports(chosen)
    services = [
        Service(config.label, config.prefix, address, config.service_port, config.path)
        for config in chosen
    ]
    return supervise(services, workers=workers, reload=settings.BASE_DIR if reload else None)


def choose(
    configs: Sequence[AppConfig], labels: Sequence[str], exclude: Sequence[str]
) -> list[AppConfig]:
    """The apps to serve, in the order of INSTALLED_APPS.

    Raises:
        UsageError: there is no such app, or none is left.
    """
    known = [config.label for config in configs]
    for label in (*labels, *exclude):
        if label not in known:
            names = ", ".join(known) or "none"
            raise click.UsageError(
                f"no installed app has the label {label!r} (known: {names}). "
                "Fix: name one of them, or add the app to INSTALLED_APPS"
            )
    chosen = [
        config
        for config in configs
        if (not labels or config.label in labels) and config.label not in exclude
    ]
    if not chosen:
        raise click.UsageError(
            "no app to serve. Fix: put packages into apps/ or set QK_INSTALLED_APPS"
            if not known
            else "no app to serve: --exclude leaves none. Fix: exclude fewer apps"
        )
    return chosen
