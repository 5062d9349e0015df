"""Which apps have migrations, and importing them with errors that name app and file."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from fastapp.apps import apps
from fastapp.db.config import migratable_apps
from fastapp.exceptions import CommandError

AppsConfig = dict[str, dict[str, Any]]


def migrated_apps() -> AppsConfig:
    """Apps that have models and a ``migrations`` package: their Tortoise configuration by label.

    Raises:
        AppLoadError: a migration fails to import.
    """
    found = {label: entry for label, entry in migratable_apps().items() if "migrations" in entry}
    for label in found:
        config = apps.get_app_config(label)
        package = config.import_module("migrations")
        for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
            if module.name[0] not in "_~":
                config.import_module(f"migrations.{module.name}")
    return found


def apps_without_migrations() -> list[str]:
    """Labels of apps that have models and no ``migrations`` package."""
    return sorted(label for label, entry in migratable_apps().items() if "migrations" not in entry)


def by_connection(configs: AppsConfig) -> dict[str, AppsConfig]:
    """The same apps, by the alias of their database."""
    grouped: dict[str, AppsConfig] = {}
    for label, entry in configs.items():
        grouped.setdefault(entry["default_connection"], {})[label] = entry
    return grouped


def ensure_package(label: str) -> None:
    """Make the ``migrations`` package of an app when there is none.

    Raises:
        CommandError: the folder cannot be written.
    """
    folder: Path = apps.get_app_config(label).path / "migrations"
    marker = folder / "__init__.py"
    if marker.exists():
        return
    try:
        folder.mkdir(exist_ok=True)
        marker.touch()
    except OSError as exc:
        raise CommandError(f"app {label!r}: cannot write {folder}: {exc}") from exc
    importlib.invalidate_caches()


def require_app(label: str) -> None:
    """Refuse a label that no installed app has.

    Raises:
        CommandError: names the apps there are.
    """
    apps.populate()
    try:
        apps.get_app_config(label)
    except LookupError as exc:
        raise CommandError(str(exc), exit_code=2) from exc
