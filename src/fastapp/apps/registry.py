"""The registry of installed apps."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from fastapp.apps.config import AppConfig
from fastapp.apps.loading import import_app_module
from fastapp.exceptions import AppRegistryNotReady, ImproperlyConfigured

#: First path parts that the framework serves itself.
RESERVED_PREFIXES = frozenset({"healthz", "docs", "redoc", "openapi.json", "metrics"})


class Apps:
    """Installed apps by label, in the order of INSTALLED_APPS.

    ``fastapp.apps.apps`` is the registry of the project; it is filled from the settings by the
    first call of :meth:`populate`.
    """

    def __init__(self) -> None:
        self._configs: dict[str, AppConfig] = {}
        self.ready = False

    def populate(self, entries: Iterable[str] | None = None) -> None:
        """Load the apps; does nothing when that is done.

        Args:
            entries: packages or dotted paths of an AppConfig; INSTALLED_APPS when None.

        Raises:
            ImproperlyConfigured: an entry is wrong, or two apps collide.
            AppLoadError: an app's package or its ``apps`` module fails to import.
        """
        if self.ready:
            return
        if entries is None:
            from fastapp.conf import settings

            entries = settings.INSTALLED_APPS
            hidden = settings.NO_EXPORT_APPS
        else:
            hidden = []
        configs: dict[str, AppConfig] = {}
        for entry in entries:
            config = _create(entry)
            _check_unique(config, configs.values())
            configs[config.label] = config
        _check_hidden(hidden, configs)
        self._configs = configs
        self.ready = True
        for config in configs.values():
            config.ready()

    def clear(self) -> None:
        """Forget all apps, so that the next :meth:`populate` loads them again. For tests."""
        self._configs = {}
        self.ready = False

    def get_app_configs(self) -> list[AppConfig]:
        """All apps, in the order of INSTALLED_APPS."""
        self._check_ready()
        return list(self._configs.values())

    def get_app_config(self, label: str) -> AppConfig:
        """The app with this label.

        Raises:
            LookupError: there is none; names the ones there are.
        """
        self._check_ready()
        try:
            return self._configs[label]
        except KeyError:
            known = ", ".join(self._configs) or "none"
            raise LookupError(
                f"no installed app has the label {label!r} (known: {known}). "
                "Fix: name one of them, or add the app to INSTALLED_APPS"
            ) from None

    def __iter__(self) -> Iterator[AppConfig]:
        return iter(self.get_app_configs())

    def __len__(self) -> int:
        return len(self._configs)

    def _check_ready(self) -> None:
        if not self.ready:
            raise AppRegistryNotReady(
                "the app registry is not filled. Fix: call apps.populate() first"
            )


#: The registry of the project.
apps = Apps()


def _create(entry: str) -> AppConfig:
    where = f"INSTALLED_APPS: {entry!r}"
    module = import_app_module(entry, entry)
    if module is None:
        return _create_from_class(entry, where)
    if not hasattr(module, "__path__"):
        raise ImproperlyConfigured(
            f"{where} is a module; expected a package or the dotted path of an AppConfig. "
            f"Fix: name its package, such as {entry.rpartition('.')[0] or 'apps.shop'!r}."
        )
    config_module = import_app_module(entry, f"{entry}.apps")
    if config_module is None:
        return AppConfig(entry, module)
    return _choose(config_module, entry, where)(entry, module)


def _create_from_class(entry: str, where: str) -> AppConfig:
    module_name, _, class_name = entry.rpartition(".")
    module = import_app_module(entry, module_name) if module_name else None
    if module is None or not (hasattr(module, class_name) or _classes(module)):
        raise ImproperlyConfigured(
            f"{where} cannot be found; expected a package or the dotted path of an AppConfig. "
            "Fix: correct the entry in QK_INSTALLED_APPS or the settings module, or put the folder "
            "that holds the package on PYTHONPATH."
        )
    found = getattr(module, class_name, None)
    if not (inspect.isclass(found) and issubclass(found, AppConfig)):
        choices = ", ".join(cls.__name__ for cls in _classes(module)) or "none"
        raise ImproperlyConfigured(
            f"{where}: {module_name!r} has no AppConfig named {class_name!r} (it has: {choices}). "
            "Fix: name one of them, or its package."
        )
    name = found.name or module_name.rpartition(".")[0]
    package = import_app_module(entry, name)
    if package is None or not hasattr(package, "__path__"):
        raise ImproperlyConfigured(
            f"{where}: {class_name}.name={name!r}: expected the dotted name of a package. "
            f"Fix: set 'name' in {module_name} to the package of the app, or leave it out."
        )
    return found(name, package)


def _choose(module: ModuleType, entry: str, where: str) -> type[AppConfig]:
    classes = _classes(module)
    if len(classes) > 1:
        marked = [cls for cls in classes if cls.default]
        if len(marked) != 1:
            names = ", ".join(cls.__name__ for cls in classes)
            raise ImproperlyConfigured(
                f"{where}: {module.__name__} has several AppConfigs ({names}). Fix: set default = "
                f"True in one of them, or name one in INSTALLED_APPS."
            )
        classes = marked
    if not classes:
        return AppConfig
    chosen = classes[0]
    if chosen.name and chosen.name != entry:
        raise ImproperlyConfigured(
            f"{where}: {chosen.__name__}.name={chosen.name!r}: expected {entry!r}. "
            f"Fix: set 'name' in {module.__name__} to that, or leave it out."
        )
    return chosen


def _classes(module: ModuleType) -> list[type[AppConfig]]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, AppConfig)
        and value.__module__ == module.__name__
    ]


def _check_hidden(hidden: Iterable[str], configs: Mapping[str, AppConfig]) -> None:
    """An app that is to be hidden and is misspelt would be served."""
    for label in hidden:
        if label not in configs:
            known = ", ".join(configs) or "none"
            raise ImproperlyConfigured(
                f"settings: NO_EXPORT_APPS={label!r}: no installed app has this label (installed: "
                f"{known}). Fix: change QK_NO_EXPORT_APPS, or the settings module."
            )


def _check_unique(config: AppConfig, others: Iterable[AppConfig]) -> None:
    if config.prefix.split("/")[0] in RESERVED_PREFIXES:
        raise ImproperlyConfigured(
            f"app {config.label!r}: prefix: {config.prefix!r} is used by the framework. "
            "Fix: set another 'prefix' in its apps.py"
        )
    for other in others:
        if other.name == config.name:
            raise ImproperlyConfigured(
                f"INSTALLED_APPS: {config.name!r} is listed twice. Fix: remove one of the entries"
            )
        for attribute in ("label", "prefix"):
            value = getattr(config, attribute)
            if getattr(other, attribute) == value:
                raise ImproperlyConfigured(
                    f"apps {other.name!r} and {config.name!r} have the same {attribute} {value!r}. "
                    f"Fix: set '{attribute}' of one of them in its apps.py"
                )
