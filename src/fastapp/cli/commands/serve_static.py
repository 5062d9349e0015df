"""``serve-static``: the files of a front end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("serve-static")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--host", help="Address to listen on.  [default: HOST, 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port."
)
@click.option(
    "--spa/--no-spa",
    default=True,
    show_default=True,
    help="Answer unknown pages with index.html, for front ends with a router of their own.",
)
@click.option(
    "--api",
    "upstreams",
    multiple=True,
    metavar="PREFIX=URL",
    help="Send /PREFIX to the service at this URL; repeatable.",
)
def serve_static(
    directory: Path, host: str | None, port: int, spa: bool, upstreams: tuple[str, ...]
) -> int:
    """Serve a folder of static files, as of a web front end.

    Files whose names carry a hash may be kept for ever; all others are revalidated by their ETag.
    Files with a dot in front are not served. With --api the front end and its API have one
    address, so that neither needs CORS. /healthz answers while the server does.
    """
    import uvicorn

    from fastapp.cli.commands.runserver_aio import serve, server_options
    from fastapp.conf import settings
    from fastapp.draining import DrainingServer
    from fastapp.static.files import create_static_application

    options = server_options(settings.HOST if host is None else host, port, "serve-static")
    application: Any = create_static_application(directory, spa=spa)
    if upstreams:
        from fastapp.gateway.config import parse_upstream
        from fastapp.static.api import WithApi

        application = WithApi(
            application, dict(parse_upstream(text, "--api") for text in upstreams)
        )
    return serve(DrainingServer(uvicorn.Config(application, **options), settings.SHUTDOWN_GRACE))
