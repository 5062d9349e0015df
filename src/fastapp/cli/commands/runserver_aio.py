"""``runserver-aio``: all apps in one ASGI application."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import click

from fastapp.conf import settings
from fastapp.conf.unknown import warn_of_unread_settings
from fastapp.packages import require

if TYPE_CHECKING:
    import uvicorn

EXIT_NOT_STARTED = 1


@click.command("runserver-aio")
@click.option("--host", help="Address to listen on.  [default: HOST, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port.  [default: PORT, 8000]")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes."
)
@click.option("--reload", is_flag=True, help="Start again when a source file changes.")
def runserver_aio(host: str | None, port: int | None, workers: int, reload: bool) -> int:
    """Serve all apps in one process, each at its prefix."""
    address = settings.HOST if host is None else host
    number = settings.PORT if port is None else port
    if reload and workers > 1:
        raise click.UsageError(
            "--reload and --workers exclude each other. Fix: leave one of them out."
        )
    options = server_options(address, number)
    if reload or workers > 1:
        from fastapp.conf.required import require_settings
        from fastapp.contrib.metrics import require_token
        from fastapp.supervisor.run import supervise
        from fastapp.supervisor.supervisor import Service

        require_settings(settings)
        require_token(settings)
        service = Service("", "", address, number, settings.BASE_DIR)
        return supervise([service], workers=workers, reload=settings.BASE_DIR if reload else None)
    import uvicorn

    from fastapp.asgi import create_application
    from fastapp.db.config import tortoise_config
    from fastapp.draining import DrainingServer

    application = create_application()
    tortoise_config()
    return serve(DrainingServer(uvicorn.Config(application, **options), settings.SHUTDOWN_GRACE))


def serve(server: uvicorn.Server) -> int:
    """Run a server in this process until a signal ends it.

    uvicorn raises the signal again when it has finished the requests in flight. That is an end in
    order and no failure.

    Returns:
        The exit code: 1 when the server did not start.

    Raises:
        CommandError: the address is taken.
    """
    from fastapp.descriptors import raise_file_limit
    from fastapp.supervisor.sockets import close_all, open_listeners

    raise_file_limit()
    listeners = open_listeners("", server.config.host, server.config.port)
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server.run(listeners)
    except SystemExit:
        # The lifespan failed, and its cause is in the log.
        return EXIT_NOT_STARTED
    finally:
        close_all(listeners)
    return 0 if server.started or server.should_exit else EXIT_NOT_STARTED


def server_options(host: str, port: int | None, command: str = "runserver-aio") -> dict[str, Any]:
    """Options of ``uvicorn.run`` that all modes share.

    Args:
        host: address to listen at.
        port: None for that of the settings.
        command: what the error of a missing package names.

    Raises:
        CommandError: a package of the server is not installed.
        ImproperlyConfigured: LOGGING is wrong.
    """
    from fastapp.logs import configure_logging, logging_config

    configure_logging(settings)
    warn_of_unread_settings(settings)
    require(command, "uvloop", "httptools", "websockets")
    from fastapp.draining import DrainingWebSocket
    from fastapp.limits import limited

    proxies = settings.TRUSTED_PROXIES
    return {
        "host": host,
        "port": settings.PORT if port is None else port,
        "loop": "uvloop",
        # Its parser is httptools.
        "http": limited(
            settings.MAX_HEADER_BYTES, settings.CLIENT_TIMEOUT, settings.CLIENT_TIMEOUT
        ),
        "ws": DrainingWebSocket,
        "lifespan": "on",
        "log_config": logging_config(settings),
        # Ours has the route and the time that it took (fastapp.access).
        "access_log": False,
        "server_header": False,
        # Without a trusted proxy no X-Forwarded-For is believed.
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": list(proxies),
        "timeout_graceful_shutdown": settings.SHUTDOWN_TIMEOUT,
    }
