"""What ``about`` prints, collected without importing FastAPI, Tortoise ORM or a driver."""

from __future__ import annotations

import platform
from typing import Any

from fastapp import __version__
from fastapp.apps import apps
from fastapp.cli.native import read_native_package
from fastapp.conf import settings
from fastapp.conf.masking import mask
from fastapp.conf.secret import secret_key_problem
from fastapp.packages import installed_version

#: Packages whose version is told, by the label it is told under.
PACKAGES = {
    "FastAPI": "fastapi",
    "Starlette": "starlette",
    "Pydantic": "pydantic",
    "Tortoise ORM": "tortoise-orm",
    "uvicorn": "uvicorn",
    "uvloop": "uvloop",
    "httptools": "httptools",
}
DRIVER = "asyncmy"

#: Settings that the summary shows; all of them are in ``--json``.
SUMMARY = (
    "DEBUG",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "BASE_DIR",
    "DATA_DIR",
    "TIME_ZONE",
    "HOST",
    "PORT",
    "CORS_ALLOWED_ORIGINS",
    "LOG_LEVEL",
    "LOG_FORMAT",
)


def collect() -> dict[str, Any]:
    """Everything ``about`` knows, made of JSON types; secrets are masked."""
    apps.populate()
    driver = read_native_package(DRIVER)
    return {
        "framework": {"name": "QingKong", "package": "fastapp", "version": __version__},
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "platform": f"{platform.system()} {platform.machine()}",
        },
        "packages": {label: installed_version(name) for label, name in PACKAGES.items()},
        "asyncmy": {**driver.as_json(), "description": driver.describe()},
        "settings": settings.masked(),
        "apps": [
            {
                "label": config.label,
                "name": config.name,
                "prefix": f"/{config.prefix}",
                "port": config.service_port,
                "database": config.default_connection,
            }
            for config in apps
        ],
        "databases": [
            {
                "alias": database.alias,
                "engine": database.engine,
                "address": database.address,
                "user": database.user,
                "password": mask("PASSWORD", database.password or ""),
                "options": mask("OPTIONS", dict(database.options)),
            }
            for database in settings.databases.values()
        ],
        "warnings": warnings(),
    }


def warnings() -> list[str]:
    """What an operator should know before a server is started."""
    found = []
    problem = secret_key_problem(settings.SECRET_KEY)
    if problem:
        outcome = "a random one is used" if settings.DEBUG else "servers refuse to start"
        found.append(f"{problem}; {outcome}. Set QK_SECRET_KEY.")
    if not settings.DEBUG and not settings.ALLOWED_HOSTS:
        found.append("ALLOWED_HOSTS is empty: every request is refused. Set QK_ALLOWED_HOSTS.")
    return [*found, *map(str, settings.unread())]
