"""Importing the modules of apps: a missing module is fine, a broken one never is."""

from __future__ import annotations

import importlib
import importlib.util
import traceback
from types import ModuleType

from fastapp.exceptions import AppLoadError, ImproperlyConfigured, Terminated


def import_app_module(app: str, name: str) -> ModuleType | None:
    """Import module ``name`` of ``app``, or return None when there is no such module.

    Whether it exists is asked of the finders, not learnt from ModuleNotFoundError: an import of
    something else that fails inside the module raises the same error, and must not be taken for a
    module that is not there.

    Raises:
        AppLoadError: the module, or a package above it, exists and its import fails.
    """
    try:
        spec = _find_spec(name)
    except Terminated:
        raise
    except (Exception, SystemExit) as exc:
        raise _load_error(app, name, None, exc) from exc
    if spec is None:
        return None
    try:
        return importlib.import_module(name)
    except Terminated:
        raise
    except (Exception, SystemExit) as exc:
        raise _load_error(app, name, spec.origin, exc) from exc


def _find_spec(name: str) -> importlib.machinery.ModuleSpec | None:
    parent, _, _ = name.rpartition(".")
    if parent:
        # find_spec imports the packages above and does not tell "no such package" from "broken".
        if _find_spec(parent) is None:
            return None
        if not hasattr(importlib.import_module(parent), "__path__"):
            return None
    return importlib.util.find_spec(name)


def _load_error(app: str, name: str, file: str | None, exc: BaseException) -> AppLoadError:
    if isinstance(exc, AppLoadError):
        return exc
    if isinstance(exc, ImproperlyConfigured):
        return AppLoadError(app, name, file, str(exc))
    place = _innermost(exc, file)
    cause = f"{type(exc).__name__}: {exc}"
    return AppLoadError(app, name, file or place[0], f"{cause}{place[1]}. {_fix(exc)}")


def _fix(exc: BaseException) -> str:
    if isinstance(exc, ModuleNotFoundError) and exc.name:
        return f"Fix: correct the import, or install what has {exc.name!r}."
    return "Fix: correct the module, or remove the app from INSTALLED_APPS."


def _innermost(exc: BaseException, file: str | None) -> tuple[str | None, str]:
    """File and place of the last line of the app's own code in the traceback."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return exc.filename, f" (line {exc.lineno} of {exc.filename})"
    frames = [
        frame
        for frame in traceback.extract_tb(exc.__traceback__)
        if not frame.filename.startswith("<frozen") and not _is_machinery(frame.filename)
    ]
    if not frames:
        return None, ""
    last = frames[-1]
    if file is not None:
        last = next((frame for frame in reversed(frames) if frame.filename == file), last)
    return last.filename, f" (line {last.lineno} of {last.filename})"


def _is_machinery(filename: str) -> bool:
    return filename in (__file__, importlib.__file__)


def import_string(path: str, where: str) -> object:
    """The object at a dotted path.

    Args:
        path: such as "package.module.name".
        where: the setting that holds the path, for the error.

    Raises:
        ImproperlyConfigured: names the setting, the path and what is wrong, whatever the module
            raises while it is imported.
    """
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
        found: object = getattr(module, name)
    except Terminated:
        raise
    except (Exception, SystemExit) as exc:
        raise ImproperlyConfigured(
            f"settings: {where}={path!r}: cannot import it: {type(exc).__name__}: {exc}. "
            f"Fix: change QK_{where} or the module."
        ) from exc
    return found
