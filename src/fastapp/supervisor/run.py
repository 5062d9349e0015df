"""A supervisor for as long as a command runs: its log, its ports, what its processes share."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from fastapp.conf import settings
from fastapp.contrib.metrics.workers import shared_folder
from fastapp.descriptors import raise_file_limit
from fastapp.logs import configure_logging
from fastapp.supervisor.log_stream import LogStream, StreamHandler
from fastapp.supervisor.sockets import close_all
from fastapp.supervisor.supervisor import Service, Supervisor


def supervise(services: Sequence[Service], *, workers: int, reload: Path | None) -> int:
    """Serve until a signal ends it.

    Args:
        services: what to serve; their ports are opened here.
        workers: processes of each.
        reload: folder to watch for changes, or None.

    Returns:
        The exit code.

    Raises:
        CommandError: a port is taken, or an app cannot be loaded.
    """
    # The services inherit it.
    raise_file_limit()
    configure_logging(settings)
    names = ["supervisor", *(service.name for service in services)]
    stream = LogStream(
        sys.stderr.buffer,
        as_json=settings.LOG_FORMAT == "json",
        width=max(map(len, names)) + 2 * (workers > 1),
    )
    stream.start()
    handler = StreamHandler(stream.open_pipe("supervisor"))
    handler.setFormatter(next((one.formatter for one in logging.getLogger().handlers), None))
    logger = logging.getLogger("fastapp.supervisor")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        for service in services:
            service.listen()
        supervisor = Supervisor(
            services,
            stream,
            workers=workers,
            shutdown_timeout=settings.SHUTDOWN_TIMEOUT,
            reload=reload,
        )
        with shared_folder() if workers > 1 and settings.METRICS_ENABLED else nullcontext():
            return asyncio.run(supervisor.run())
    finally:
        for service in services:
            close_all(service.listeners)
        logger.removeHandler(handler)
        handler.close()
        stream.finish()
