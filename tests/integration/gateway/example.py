"""The example app as a service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.gateway.processes import command, gateway
from integration.programs import START_SECONDS
from integration.serving import SECRET


@contextmanager
def shop(folder: Path) -> Iterator[str]:
    """The example app on a database of its own, served by ``runserver-aio``; gives the URL."""
    environment = {
        "QK_INSTALLED_APPS": '["apps.shop"]',
        "QK_SECRET_KEY": SECRET,
        "QK_DATA_DIR": str(folder),
    }
    migrate = command(name="migrate", **environment)
    _, log = migrate.communicate(timeout=START_SECONDS)
    assert migrate.returncode == 0, log
    with gateway(name="runserver-aio", **environment) as (_process, url):
        yield url
