"""Errors that the framework raises for mistakes of configuration and of apps.

Errors that an endpoint raises on purpose are in :mod:`fastapp.rest.exceptions`.
"""


class FastAppError(Exception):
    """Base of every error of the framework."""


class ImproperlyConfigured(FastAppError):
    """A setting, or the use of one, is wrong; the text names the key and what was expected."""


class AppRegistryNotReady(FastAppError):
    """The app registry was used before :meth:`fastapp.apps.Apps.populate`."""


class AppLoadError(ImproperlyConfigured):
    """A module of an app failed to import.

    Attributes:
        app: label or INSTALLED_APPS entry of the app.
        module: dotted name of the module.
        file: path of the module, or None when it could not be found.
    """

    def __init__(self, app: str, module: str, file: str | None, cause: str) -> None:
        self.app = app
        self.module = module
        self.file = file
        where = f" ({file})" if file else ""
        super().__init__(f"app {app!r}: cannot import {module!r}{where}: {cause}")


class Terminated(SystemExit):
    """SIGTERM ends the process. Code that an app runs and that exits by itself raises another."""


class CommandError(FastAppError):
    """A command cannot do what was asked; printed without a traceback, exit code 1.

    Attributes:
        exit_code: the exit code of the process (1 unless told).
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UnstorableValue(FastAppError, ValueError):
    """A value of a model that no database takes; the application answers 422.

    Attributes:
        field: name of the model's field.
        expected: what can be stored.
    """

    def __init__(self, field: str, expected: str, value: object = None) -> None:
        self.field = field
        self.expected = expected
        got = "" if value is None else f", got {value!r}"
        super().__init__(f"{field}: expected {expected}{got}")
