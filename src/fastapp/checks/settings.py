"""Checks of settings. Numbers 001 to 029."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from fastapp.checks.messages import CheckMessage, error, warning
from fastapp.conf import BaseSettings
from fastapp.conf.databases import MYSQL
from fastapp.conf.secret import VARIABLE, secret_key_problem
from fastapp.conf.sources import ENV_PREFIX
from fastapp.contrib.metrics import metrics_problem
from fastapp.exceptions import ImproperlyConfigured
from fastapp.logs import configure_logging
from fastapp.tracing.exporter import exporter_problem


def check_settings(settings: BaseSettings) -> Iterator[CheckMessage]:
    """What holds in development too."""
    for number, trouble in ((5, metrics_problem(settings)), (6, exporter_problem(settings))):
        if trouble:
            yield error(number, trouble)
    problem = secret_key_problem(settings.SECRET_KEY)
    if problem and not settings.DEBUG:
        yield warning(1, f"{problem}; servers refuse to start.", f"Set {VARIABLE}.")
    for item in settings.unread():
        yield warning(2, str(item))
    if settings.LOGGING:
        try:
            configure_logging(settings)
        except ImproperlyConfigured as exc:
            yield error(3, str(exc))
    if any(database.engine == MYSQL for database in settings.databases.values()):
        yield from _time_zone_for_mysql(settings)


def check_deployment(settings: BaseSettings) -> Iterator[CheckMessage]:
    """What must hold in production."""
    if settings.DEBUG:
        yield error(10, "DEBUG is on.", f"Set {ENV_PREFIX}DEBUG=false.")
    problem = secret_key_problem(settings.SECRET_KEY)
    if problem:
        yield error(11, f"{problem}.", f"Set {VARIABLE}.")
    if not settings.ALLOWED_HOSTS:
        yield error(
            12, "ALLOWED_HOSTS is empty: every request is refused.", "Set QK_ALLOWED_HOSTS."
        )
    elif "*" in settings.ALLOWED_HOSTS:
        yield warning(13, "ALLOWED_HOSTS allows any host.", "Name the hosts.")
    if "*" in settings.CORS_ALLOWED_ORIGINS:
        yield warning(14, "CORS_ALLOWED_ORIGINS allows any origin.", "Name the origins.")
    if settings.METRICS_ENABLED and not settings.METRICS_TOKEN:
        yield error(
            18,
            "METRICS_ENABLED is on and METRICS_TOKEN is not set: anyone may read the metrics.",
            "Set QK_METRICS_TOKEN.",
        )
    for database in settings.databases.values():
        where = f"DATABASES[{database.alias!r}]"
        if database.engine != MYSQL or database.options.get("unix_socket"):
            continue
        tls = database.options.get("ssl")
        if not tls:
            yield warning(15, f"{where}: the connection is not encrypted.", "Set OPTIONS['ssl'].")
        elif not (isinstance(tls, dict) and (tls.get("ca") or tls.get("capath"))):
            yield warning(
                16,
                f"{where}: the connection is encrypted, but the server is not verified.",
                "Set OPTIONS['ssl']['ca'] to the file of its certificate authority.",
            )
    for database in settings.databases.values():
        mode = str(database.options.get("sql_mode", "STRICT"))
        if database.engine == MYSQL and "STRICT" not in mode.upper():
            yield warning(
                17,
                f"DATABASES[{database.alias!r}]: sql_mode is not strict: values may be cut off.",
                "Add STRICT_TRANS_TABLES.",
            )


def _time_zone_for_mysql(settings: BaseSettings) -> Iterator[CheckMessage]:
    year = datetime.now(UTC).year
    offsets = {datetime(year, month, 1, tzinfo=settings.tz).utcoffset() for month in range(1, 13)}
    if len(offsets) > 1:
        yield warning(
            4,
            f"TIME_ZONE {settings.TIME_ZONE!r} has summer time, and MySQL is given local time: "
            f"one hour of each year is ambiguous.",
            "Use a zone without summer time, such as UTC.",
        )
