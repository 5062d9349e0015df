"""Settings of a project.

``settings`` is the settings object of the project, loaded at first use from the module that the
environment variable ``FASTAPP_SETTINGS_MODULE`` names (``common.settings`` unless told).
``BaseSettings`` is what a project subclasses. It is imported lazily, because Pydantic is the most
expensive import of the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapp.conf.lazy import SETTINGS_MODULE_VARIABLE, LazySettings, override_settings

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings

    settings: BaseSettings
else:
    settings = LazySettings()

__all__ = ["SETTINGS_MODULE_VARIABLE", "BaseSettings", "override_settings", "settings"]


def __getattr__(name: str) -> Any:
    if name == "BaseSettings":
        from fastapp.conf.base import BaseSettings

        return BaseSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
