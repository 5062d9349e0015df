"""How to fix it, after Pants' own error: which disk is full, and which option names another.

For an address that leads nowhere is in `pants_missing`.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from pants.base.build_environment import get_buildroot
from pants_missing import fix

#: What the engine, Python programs and shells say of a disk that takes no more.
NO_ROOM = re.compile(
    r"No space left on device|Disk quota exceeded|MDB_MAP_FULL|MapFull|Read-only file system"
)
_OPTIONS = (
    ("local_store_dir", "PANTS_LOCAL_STORE_DIR", "the local store"),
    ("named_caches_dir", "PANTS_NAMED_CACHES_DIR", "the named caches"),
    ("local_execution_root_dir", "TMPDIR", "the sandboxes of processes"),
    ("pants_distdir", "PANTS_DISTDIR", "the results"),
    ("pants_workdir", "PANTS_WORKDIR", "logs and state of Pants"),
)
# A disk with less room than this has none for what a build writes.
_FULL_MEBIBYTES = 64


class ExplainedError(Exception):
    """A failure of Pants with its explanation."""


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _free_mebibytes(path: str) -> float:
    found = os.statvfs(_existing(path))
    return found.f_bavail * found.f_frsize / 2**20


def explain(text: str, options: Any) -> str | None:
    """What to do about the failure `text`; None where it is about something else."""
    if not NO_ROOM.search(text):
        return None
    places = []
    for name, variable, content in _OPTIONS:
        path = getattr(options, name, None) or tempfile.gettempdir()
        path = os.path.abspath(path)
        # A disk that is full now; else the innermost place that the failure names.
        named = path in text or os.path.realpath(path) in text
        free = _free_mebibytes(path)
        likeliness = (free >= _FULL_MEBIBYTES, not named, -len(path))
        places.append((likeliness, free, path, variable, content))
    _, free, path, variable, content = min(places)
    # Pants writes results nowhere else.
    inside = " in the repository" if variable == "PANTS_DISTDIR" else ""
    reason = "takes no more: it is full" if free < _FULL_MEBIBYTES else "took no more"
    return (
        f"./pants: the disk of {content} {reason}\n"
        f"  where: {path}\n"
        f"  value: {free:.1f} MiB are free now\n"
        f"  fix:   free disk space, or name a folder on another disk{inside} with {variable}, "
        "and build again: nothing else has to be cleaned"
    )


def _explained(error: Exception, options: Any) -> Exception | None:
    if isinstance(error, ExplainedError):
        return None
    text = str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        text += os.strerror(error.errno)
    explanation = explain(text, options) or fix(text, Path(get_buildroot()))
    return ExplainedError(f"{error}\n{explanation}") if explanation else None


def explain_full_disks() -> None:
    """Add the explanation to the errors of runs, and of starts."""
    from pants.bin.local_pants_runner import LocalPantsRunner
    from pants.bin.pants_runner import PantsRunner
    from pants.init.engine_initializer import EngineInitializer

    perform_run: Any = LocalPantsRunner._perform_run
    setup_graph: Any = EngineInitializer.setup_graph
    run: Any = PantsRunner.run

    def explained_run(self: Any, goals: tuple[str, ...]) -> Any:
        try:
            return perform_run(self, goals)
        except Exception as error:
            explained = _explained(error, self.options.for_global_scope())
            raise explained or error from error

    def explained_setup(bootstrap_options: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return setup_graph(bootstrap_options, *args, **kwargs)
        except Exception as error:
            raise _explained(error, bootstrap_options) or error from error

    def explained_start(self: Any, start_time: float) -> Any:
        try:
            return run(self, start_time)
        except Exception as error:
            from pants.option.options_bootstrapper import OptionsBootstrapper

            created = OptionsBootstrapper.create(env=self.env, args=self.args, allow_pantsrc=True)
            explained = _explained(error, created.bootstrap_options.for_global_scope())
            if explained is None and not isinstance(error, ExplainedError):
                raise
            sys.exit(str(explained or error))

    LocalPantsRunner._perform_run = explained_run  # type: ignore[method-assign]
    initializer: Any = EngineInitializer
    initializer.setup_graph = staticmethod(explained_setup)
    PantsRunner.run = explained_start  # type: ignore[method-assign]
