"""The lazily loaded settings object.

The framework must work with any project, so it never imports ``common`` (or whatever holds the
settings) statically: the name comes from the environment, the import from importlib.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fastapp.exceptions import ImproperlyConfigured, Terminated

if TYPE_CHECKING:
    from fastapp.conf.base import BaseSettings

SETTINGS_MODULE_VARIABLE = "FASTAPP_SETTINGS_MODULE"
DEFAULT_SETTINGS_MODULE = "common.settings"


def settings_module_name() -> str:
    """Dotted name of the module that holds the project's settings."""
    return os.environ.get(SETTINGS_MODULE_VARIABLE) or DEFAULT_SETTINGS_MODULE


def load_settings(module_name: str | None = None) -> BaseSettings:
    """Import the settings module and return its ``settings`` object.

    Raises:
        ImproperlyConfigured: the module is missing or broken, has no ``settings``, or that
            object is no ``fastapp.conf.BaseSettings``.
    """
    from fastapp.conf.base import BaseSettings

    name = module_name or settings_module_name()
    try:
        module = importlib.import_module(name)
    except ImproperlyConfigured:
        raise
    except ModuleNotFoundError as exc:
        # Only the settings module itself (or a parent of it) being absent is "not found"; an
        # import inside it that fails is a broken module.
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            raise ImproperlyConfigured(
                f"the settings module {name!r} cannot be found. Fix: name an importable module in "
                f"{SETTINGS_MODULE_VARIABLE}, or put the folder that holds it on PYTHONPATH."
            ) from exc
        raise _broken(name, exc) from exc
    except Terminated:
        raise
    except (Exception, SystemExit) as exc:
        raise _broken(name, exc) from exc
    found = getattr(module, "settings", None)
    if not isinstance(found, BaseSettings):
        raise ImproperlyConfigured(
            f"the settings module {name!r} ({module.__file__}) must have an object named "
            f"'settings' made from a subclass of fastapp.conf.BaseSettings, "
            f"got {type(found).__name__}. Fix: write settings = Settings() at its end."
        )
    return found


def _broken(name: str, exc: BaseException) -> ImproperlyConfigured:
    if isinstance(exc, SyntaxError) and exc.filename:
        places = [(exc.lineno, exc.filename)]
    else:
        # Not the innermost line, which may be in a library.
        frames = traceback.extract_tb(exc.__traceback__)
        places = [(frame.lineno, frame.filename) for frame in frames if frame.name == "<module>"]
    where = "".join(f" (line {line} of {file})" for line, file in places[-1:])
    return ImproperlyConfigured(
        f"the settings module {name!r} is broken: {exc!r}{where}. Fix: correct it there."
    )


class LazySettings:
    """Stands for the project's settings and loads them when an attribute is first read."""

    __slots__ = ("_wrapped",)

    def __init__(self) -> None:
        object.__setattr__(self, "_wrapped", None)

    def __getattr__(self, name: str) -> Any:
        if self._wrapped is None:
            object.__setattr__(self, "_wrapped", load_settings())
        return getattr(self._wrapped, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"settings are read-only: cannot set {name!r}; in tests use "
            f"fastapp.conf.override_settings({name}=...)"
        )

    def __repr__(self) -> str:
        return "<LazySettings: not loaded>" if self._wrapped is None else repr(self._wrapped)

    def __dir__(self) -> list[str]:
        return sorted({*type(self).__dict__, *dir(self._wrapped)})

    @property
    def configured(self) -> bool:
        """Whether the settings have been loaded."""
        return self._wrapped is not None

    def configure(self, value: BaseSettings | None) -> None:
        """Use ``value`` as the settings; ``None`` makes the next use load them again."""
        object.__setattr__(self, "_wrapped", value)
        if value is None:
            sys.modules.pop(settings_module_name(), None)


@contextmanager
def override_settings(**changes: Any) -> Iterator[BaseSettings]:
    """Replace single settings inside a ``with`` block. For tests.

    The values are validated as those of the environment are.

    Raises:
        ImproperlyConfigured: a value is wrong, or there is no such setting.
    """
    from fastapp.conf import settings

    lazy: Any = settings
    if lazy._wrapped is None:
        lazy.configure(load_settings())
    before: BaseSettings = lazy._wrapped
    unknown = sorted(set(changes) - set(type(before).model_fields))
    if unknown:
        raise ImproperlyConfigured(
            f"there is no setting named {', '.join(unknown)}. "
            f"Fix: name one of {type(before).__module__}.{type(before).__name__}."
        )
    current = {name: getattr(before, name) for name in type(before).model_fields}
    lazy.configure(type(before)(**{**current, **changes}))
    try:
        yield lazy._wrapped
    finally:
        lazy.configure(before)
