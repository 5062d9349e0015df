"""The configuration of Tortoise ORM, made from the settings and the installed apps."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

from tortoise.models import Model

from fastapp.apps import AppConfig, apps
from fastapp.conf import settings
from fastapp.conf.databases import DatabaseConfig
from fastapp.db.credentials import DRIVERS, connection_config
from fastapp.db.relations import resolve_relations
from fastapp.exceptions import ImproperlyConfigured
from fastapp.packages import installed

_PLACEHOLDER = "fastapp.db.placeholder"
_PLACEHOLDER_LABEL = "_placeholder"


def tortoise_config(*, serving: bool = False) -> dict[str, Any]:
    """Connections and apps, as ``TortoiseContext.init`` takes them.

    Args:
        serving: whether they are for a server.

    Raises:
        AppLoadError: a models module fails to import.
        ImproperlyConfigured: a database or an app's connection is wrong.
    """
    apps.populate()
    connections = {}
    for alias, database in settings.databases.items():
        require_driver(database)
        connections[alias] = connection_config(database, settings.data_dir, serving=serving)
    found = {}
    for config in apps:
        if config.default_connection not in connections:
            raise ImproperlyConfigured(
                f"app {config.label!r}: default_connection: expected one of "
                f"{', '.join(connections)} (DATABASES), got {config.default_connection!r}. Fix: "
                "set it to one of them in the app's apps.py, or add the database to DATABASES."
            )
        entry = _app_entry(config)
        if entry is not None:
            found[config.label] = entry
    if not found:
        found[_PLACEHOLDER_LABEL] = {
            "models": [_PLACEHOLDER],
            "default_connection": "default",
        }
    return {"connections": connections, "apps": found}


def require_driver(database: DatabaseConfig) -> None:
    """Refuse a database whose driver is not installed.

    Raises:
        ImproperlyConfigured: names the database and the package.
    """
    driver = DRIVERS[database.engine]
    if not installed(driver):
        raise ImproperlyConfigured(
            f"DATABASES[{database.alias!r}]: the engine {database.engine!r} needs the package "
            f"{driver!r}, which is not installed. Fix: add it to the requirements."
        )


def migratable_apps() -> dict[str, dict[str, Any]]:
    """Apps that have models: their entries of :func:`tortoise_config` by label."""
    entries = tortoise_config()["apps"]
    return {config.label: entries[config.label] for config in apps if config.label in entries}


def app_models(config: AppConfig) -> list[type[Model]]:
    """The models that an app declares, in order of name."""
    module = config.import_module("models")
    return [] if module is None else _own_models(config, module)


def _app_entry(config: AppConfig) -> dict[str, Any] | None:
    module = config.import_module("models")
    if module is None:
        return None
    models = _own_models(config, module)
    if not models:
        return None
    for model in models:
        # Tortoise gives a model to the first app in whose models module it finds the name, which
        # would be the wrong one for a model that is imported there from another app.
        model._meta.app = config.label
        resolve_relations(model, config.label)
    entry: dict[str, Any] = {
        "models": [module.__name__],
        "default_connection": config.default_connection,
    }
    if config.import_module("migrations") is not None:
        entry["migrations"] = f"{config.name}.migrations"
    return entry


def _own_models(config: AppConfig, module: ModuleType) -> list[type[Model]]:
    return [
        value
        for _, value in sorted(vars(module).items())
        if inspect.isclass(value)
        and issubclass(value, Model)
        and not value._meta.abstract
        and (value.__module__ == config.name or value.__module__.startswith(f"{config.name}."))
    ]
