"""``AppConfig``: what the framework knows about one app."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from fastapp.apps.loading import import_app_module
from fastapp.apps.ports import stable_port
from fastapp.exceptions import ImproperlyConfigured

_LABEL = re.compile(r"[a-z_][a-z0-9_]*\Z")
_PREFIX = re.compile(r"[A-Za-z0-9_~.-]+(/[A-Za-z0-9_~.-]+)*\Z")


def _is_port(value: object) -> bool:
    return value is None or (isinstance(value, int) and 0 < value < 65536)


class AppConfig:
    """Describes one app; subclass it in ``<app>/apps.py``. Every attribute may be left out.

    Attributes:
        name: dotted name of the package, such as "apps.shop".
        label: short unique name; the last part of ``name`` unless told.
        prefix: first part of the app's URLs, without slashes at the ends; the label unless told.
        port: TCP port of the app when it runs as a service of its own; None derives a stable one
            from the label (see :mod:`fastapp.apps.ports`).
        default_connection: alias in DATABASES of the app's models.
        default: marks the one to use when a module has several configs.
    """

    name: str = ""
    label: str = ""
    prefix: str = ""
    port: int | None = None
    default_connection: str = "default"
    default: ClassVar[bool] = False

    def __init__(self, name: str, module: ModuleType) -> None:
        self.name = name
        self.module = module
        self.label = self.label or name.rpartition(".")[2]
        self.prefix = (self.prefix or self.label).strip("/")
        if not _LABEL.match(self.label):
            raise ImproperlyConfigured(
                f"app {name!r}: label={self.label!r}: expected lower-case letters, digits and '_'. "
                "Fix: set 'label' in its apps.py, such as label = 'shop'."
            )
        if not _PREFIX.match(self.prefix):
            raise ImproperlyConfigured(
                f"app {name!r}: prefix={self.prefix!r}: expected URL path parts without braces or "
                "spaces. Fix: set 'prefix' in its apps.py, such as prefix = 'v1/shop'."
            )
        if not _is_port(self.port):
            raise ImproperlyConfigured(
                f"app {name!r}: port={self.port!r}: expected a number from 1 to 65535. "
                "Fix: set 'port' in its apps.py, such as port = 8001, or leave it out."
            )

    @property
    def path(self) -> Path:
        """Folder of the app's package."""
        return Path(next(iter(self.module.__path__)))

    @property
    def service_port(self) -> int:
        """Port of the app as a service of its own: ``port``, or the one derived from the label."""
        return stable_port(self.label) if self.port is None else self.port

    def import_module(self, module: str) -> ModuleType | None:
        """Import ``<app>.<module>``; None when the app has no such module.

        Raises:
            AppLoadError: the module exists and its import fails.
        """
        return import_app_module(self.label, f"{self.name}.{module}")

    def ready(self) -> None:
        """Called once when all apps are registered. Must not use the network or a database."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.label}>"
