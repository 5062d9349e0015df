"""``gateway``: one address in front of the services that ``runserver`` starts."""

from __future__ import annotations

import click


@click.command("gateway")
@click.option("--host", help="Address to listen on.  [default: HOST, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port.  [default: PORT, 8000]")
@click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="PREFIX=URL",
    help="Where the app with this prefix is; again for the same prefix to balance. Without it: "
    "UPSTREAMS, else this host at the app's own port.",
)
@click.option(
    "--default-upstream",
    "default_upstreams",
    multiple=True,
    metavar="URL",
    help="Where paths go that no prefix matches.  [default: GATEWAY_DEFAULT_UPSTREAM, else 404]",
)
@click.option(
    "--print-config",
    type=click.Choice(["nginx", "traefik", "envoy"]),
    help="Print the same routing for another proxy, and serve nothing.",
)
def gateway(
    host: str | None,
    port: int | None,
    upstreams: tuple[str, ...],
    default_upstreams: tuple[str, ...],
    print_config: str | None,
) -> int:
    """Serve all apps at one address, each by its service."""
    from fastapp.apps import apps
    from fastapp.conf import settings
    from fastapp.gateway.config import check_url, gateway_config, parse_upstream
    from fastapp.packages import require

    apps.populate()
    config = gateway_config(
        settings,
        apps,
        upstreams=[parse_upstream(text) for text in upstreams],
        default_upstreams=[check_url(url, "--default-upstream") for url in default_upstreams],
    )
    address = (settings.HOST if host is None else host, settings.PORT if port is None else port)
    if print_config is not None:
        from fastapp.gateway.export import render

        click.echo(render(print_config, config, *address, hosts=settings.ALLOWED_HOSTS), nl=False)
        return 0
    require("gateway", "aiohttp", "uvloop", "httptools", "websockets")
    from fastapp.cli.commands.runserver_aio import serve
    from fastapp.conf.unknown import warn_of_unread_settings
    from fastapp.gateway.application import create_gateway
    from fastapp.gateway.server import make_server
    from fastapp.logs import configure_logging

    configure_logging(settings)
    warn_of_unread_settings(settings)
    return serve(make_server(settings, create_gateway(config), *address))
