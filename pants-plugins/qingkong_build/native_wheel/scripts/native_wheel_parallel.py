"""Compiles the extension modules of a package beside each other, where that gives the same bytes.

setuptools can (`build_ext --parallel`), Cython can (`cythonize(nthreads=...)`) and gcc can
(`-flto=N`); packages do not ask for it, and not every package may.
"""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import sys
import threading
from collections.abc import Callable
from typing import Any

# Whose `build_extension` is known to be called from several threads.
_KNOWN = ("Cython.", "distutils.", "setuptools.")
# Cython's compiler has a state of its process. Called from the threads of `build_ext` it takes
# turns, while the C compiler of other modules runs.
_ONE_CYTHON = threading.Lock()


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def link_args(jobs: int, args: list[str], compiler: str, search_path: list[str]) -> list[str]:
    """What makes gcc optimise the parts of one large library beside each other, too.

    The parts are the same, however many processes there are. gcc starts these by `make`. With two
    jobs the other modules keep both processors busy.
    """
    parts = jobs // 2
    is_clang = "clang" in compiler
    has_make = shutil.which("make", path=os.pathsep.join(search_path)) is not None
    return [f"-flto={parts}"] if parts > 1 and "-flto" in args and not is_clang and has_make else []


def set_up_build_ext(command: Any, jobs: int) -> None:
    """Have a `build_ext` that is about to build use that many threads, if it may."""
    if jobs > 1 and not command.parallel and is_safe(command):
        command.parallel = jobs
        # The largest takes longest, and should not be what all wait for in the end.
        command.extensions = sorted(command.extensions, key=_size, reverse=True)


def is_safe(command: Any) -> bool:
    """Whether the extensions of `command` can be built in any order, at the same time."""
    # Libraries that others are linked with come first.
    if getattr(command, "shlibs", None):
        return False
    for base in type(command).__mro__:
        if "build_extension" in vars(base) and not base.__module__.startswith(_KNOWN):
            return False
    # Two that compile one source write the same object file.
    stems = [os.path.splitext(s)[0] for each in command.extensions for s in each.sources]
    return len(stems) == len(set(stems))


def _size(extension: Any) -> int:
    return sum(os.path.getsize(s) for s in extension.sources if os.path.exists(s))


def set_up_cython(jobs: int) -> None:
    """Have `cythonize` use that many processes, where setuptools has loaded Cython."""
    if "Cython" not in sys.modules:
        return
    module: Any = importlib.import_module("Cython.Build.Dependencies")
    if hasattr(module.cythonize, "__wrapped__"):
        return
    module.cythonize = _cythonize(module.cythonize, jobs)
    package: Any = importlib.import_module("Cython.Build")
    package.cythonize = module.cythonize


def _cythonize(original: Callable[..., Any], jobs: int) -> Callable[..., Any]:
    @functools.wraps(original)
    def cythonize(
        module_list: Any, exclude: Any = None, nthreads: int = 0, *args: Any, **kwargs: Any
    ) -> Any:
        # Not from a thread: processes are forked.
        if threading.current_thread() is threading.main_thread():
            nthreads = nthreads or (jobs if jobs > 1 else 0)
        with _ONE_CYTHON:
            return original(module_list, exclude, nthreads, *args, **kwargs)

    return cythonize
