"""The logging configuration of the framework, completed by the LOGGING setting."""

from __future__ import annotations

import logging.config
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fastapp.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings


def logging_config(settings: BaseSettings) -> dict[str, Any]:
    """The mapping for ``logging.config.dictConfig``: ours with LOGGING merged in, key by key."""
    base: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "context": {"()": "fastapp.logs.context_filter.ContextFilter"},
            "logged": {"()": "fastapp.logs.logged.AlreadyLoggedFilter"},
        },
        "formatters": {
            "plain": {
                "()": "fastapp.logs.formatters.PlainFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
            },
            "json": {"()": "fastapp.logs.formatters.JsonFormatter"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "filters": ["context"],
                "formatter": settings.LOG_FORMAT,
            }
        },
        "root": {"level": settings.LOG_LEVEL, "handlers": ["console"]},
        # aiosqlite and the like log every statement at DEBUG; that is asked for by name only.
        "loggers": {
            "aiosqlite": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            "uvicorn.error": {"filters": ["logged"]},
            # uvicorn's protocol writes the query of each; fastapp.access has the line without.
            "fastapp.websockets": {"level": "WARNING"},
            # Warns of each wrong tracestate, with all of it: clients could fill the log.
            "opentelemetry.trace.span": {"level": "ERROR"},
        },
    }
    return _merge(base, settings.LOGGING)


def configure_logging(settings: BaseSettings) -> None:
    """Set up logging of this process.

    Raises:
        ImproperlyConfigured: ``dictConfig`` refuses LOGGING; says which part of it and why.
    """
    try:
        logging.config.dictConfig(logging_config(settings))
    except Exception as exc:
        reasons = dict.fromkeys(str(one) or type(one).__name__ for one in _chain(exc))
        raise ImproperlyConfigured(
            f"settings: LOGGING: {': '.join(reasons)}. Fix: change LOGGING "
            f"(QK_LOGGING, or the settings module)."
        ) from exc


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__


def _merge(base: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in extra.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        merged[key] = _merge(old, value) if both and old is not None else value
    return merged
