"""``runserver-aio``: all apps in one ASGI application."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from fastapp.conf import settings
from fastapp.contrib.metrics.workers import shared_folder
from fastapp.exceptions import CommandError
from fastapp.packages import installed

if TYPE_CHECKING:
    import uvicorn

FACTORY = "fastapp.asgi:create_application"


@click.command("runserver-aio")
@click.option("--host", help="Address to listen on.  [default: HOST, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port.  [default: PORT, 8000]")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes."
)
@click.option("--reload", is_flag=True, help="Start again when a source file changes.")
def runserver_aio(host: str | None, port: int | None, workers: int, reload: bool) -> None:
    """Serve all apps in one process, each at its prefix."""
    import uvicorn

    from fastapp.asgi import create_application
    from fastapp.db.config import tortoise_config
    from fastapp.descriptors import raise_file_limit
    from fastapp.draining import DrainingServer, DrainingWorkers

    if reload and workers > 1:
        raise click.UsageError("--reload and --workers exclude each other")
    # Made here even when workers make their own: a mistake then ends the command with one message,
    # instead of workers that die and are started again for ever.
    application = create_application()
    tortoise_config()
    options = server_options(settings.HOST if host is None else host, port)
    raise_file_limit()
    if reload:
        uvicorn.run(
            FACTORY, factory=True, reload=True, reload_dirs=[str(settings.BASE_DIR)], **options
        )
    elif workers > 1:
        with shared_folder() if settings.METRICS_ENABLED else nullcontext():
            config = uvicorn.Config(FACTORY, factory=True, workers=workers, **options)
            DrainingWorkers(config, sockets=[config.bind_socket()]).run()
    else:
        serve(DrainingServer(uvicorn.Config(application, **options)))


def serve(server: uvicorn.Server) -> None:
    """Run a server in this process until a signal ends it.

    uvicorn raises the signal again when it has finished the requests in flight. That is an end in
    order and no failure; before the server is up the signal ends the process, as elsewhere.
    """
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        if not server.started and callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, end)
    server.run()


def server_options(host: str, port: int | None) -> dict[str, Any]:
    """Options of ``uvicorn.run`` that all modes share.

    Raises:
        CommandError: the event loop or the parser of the server is not installed.
    """
    from fastapp.logs import logging_config

    for package in ("uvloop", "httptools"):
        if not installed(package):
            raise CommandError(f"runserver-aio needs the package {package!r}, which is not there")
    proxies = settings.TRUSTED_PROXIES
    return {
        "host": host,
        "port": settings.PORT if port is None else port,
        "loop": "uvloop",
        # Its parser is httptools.
        "http": "fastapp.limits:ServiceProtocol",
        "lifespan": "on",
        "log_config": logging_config(settings),
        # Ours has the route and the time that it took (fastapp.access).
        "access_log": False,
        "server_header": False,
        # Without a trusted proxy nobody's X-Forwarded-For is believed.
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": list(proxies),
        "timeout_graceful_shutdown": settings.SHUTDOWN_TIMEOUT,
    }
