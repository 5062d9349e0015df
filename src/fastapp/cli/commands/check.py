"""``check``: mistakes that can be found before a server is started."""

from __future__ import annotations

import asyncio

import click

from fastapp.checks import ERROR, CheckMessage
from fastapp.checks.project import check_apps, check_gateway, check_urls
from fastapp.checks.settings import check_deployment, check_settings
from fastapp.conf import settings


@click.command("check")
@click.option(
    "--database",
    "aliases",
    multiple=True,
    metavar="ALIAS",
    help="Also connect to this database; repeatable. 'all' means every one.",
)
@click.option("--deploy", is_flag=True, help="Also apply the rules of production.")
@click.option(
    "--fail-level",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="What makes the command fail.",
)
def check(aliases: tuple[str, ...], deploy: bool, fail_level: str) -> int:
    """Look for mistakes in settings, apps, URLs and databases.

    Exits with 1 when there is an error.
    """
    messages = run_checks(aliases, deploy=deploy)
    errors = [message for message in messages if message.level == ERROR]
    warnings = [message for message in messages if message.level != ERROR]
    for title, group in (("ERRORS", errors), ("WARNINGS", warnings)):
        if group:
            click.echo(f"{title}:", err=True)
            for message in group:
                click.echo(str(message), err=True)
            click.echo(err=True)
    click.echo(f"{len(errors)} error(s), {len(warnings)} warning(s).")
    failed = bool(errors) or (fail_level == "warning" and bool(warnings))
    return 1 if failed else 0


def run_checks(aliases: tuple[str, ...] = (), *, deploy: bool = False) -> list[CheckMessage]:
    """All findings, settings first.

    Args:
        aliases: databases to connect to; "all" means every one.
        deploy: also apply the rules of production.
    """
    from fastapp.checks.database import check_database_settings, check_reachable

    chosen = list(settings.databases) if "all" in aliases else list(dict.fromkeys(aliases))
    unknown = [alias for alias in chosen if alias not in settings.databases]
    if unknown:
        raise click.BadParameter(
            f"no database {unknown[0]!r} in DATABASES (known: {', '.join(settings.databases)}). "
            "Fix: name one of them, or add it to DATABASES",
            param_hint="--database",
        )
    messages = list(check_settings(settings))
    if deploy:
        messages += check_deployment(settings)
    messages += check_database_settings()
    app_messages = list(check_apps())
    messages += app_messages
    if not any(message.level == ERROR for message in app_messages):
        # With a broken app there are no routes to look at, and the cause is told already.
        messages += check_urls()
        messages += check_gateway()
        if chosen:
            messages += asyncio.run(check_reachable(chosen))
    return messages
