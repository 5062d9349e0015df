"""The command line in a process of its own, forked from this one, which has imported all of it.

A start costs little then, so a test can afford a hundred of them.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What a command imports when it runs.
import fastapp.cli.commands.check
import fastapp.cli.commands.makemigrations
import fastapp.cli.commands.migrate
import fastapp.cli.commands.showmigrations
import fastapp.db.backends.mysql
import fastapp.db.backends.sqlite
import fastapp.db.migrations.runner
import fastapp.db.migrations.writing
import fastapp.db.models  # noqa: F401
from fastapp.apps import apps
from fastapp.cli import main
from fastapp.conf import settings

#: A command that takes longer hangs.
SECONDS = 60.0


@dataclass(frozen=True)
class Done:
    """What a command did; a negative code is the signal that ended it."""

    code: int
    out: str
    err: str


class Started:
    """A command that may still run."""

    def __init__(
        self,
        project: Path,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        first: Callable[[], object] | None,
    ) -> None:
        self.out = tempfile.NamedTemporaryFile(prefix="out", dir=project)  # noqa: SIM115
        self.err = tempfile.NamedTemporaryFile(prefix="err", dir=project)  # noqa: SIM115
        self.arguments = arguments
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                code = self._run(project, environment, first)
            except BaseException:  # noqa: BLE001 - of the tests themselves
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)

    def _run(
        self, project: Path, environment: Mapping[str, str], first: Callable[[], object] | None
    ) -> int:
        os.dup2(self.out.fileno(), 1)
        os.dup2(self.err.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        # Absolute, for it goes on in another folder; and for the processes that it starts.
        sys.path[:] = [str(project), *(os.path.abspath(entry) for entry in sys.path if entry)]
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        os.chdir(project)
        for name in list(os.environ):
            if name.startswith("QK_"):
                del os.environ[name]
        os.environ.update(environment, FASTAPP_SETTINGS_MODULE="own_settings")
        forget_project()
        # Modules are written again within a second.
        sys.dont_write_bytecode = True
        for name in [name for name in sys.modules if name.split(".")[0] == "apps"]:
            del sys.modules[name]
        sys.argv = ["manage.py", *self.arguments]
        code: int | str | None = 0
        try:
            if first is not None:
                first()
            main()
        except SystemExit as exc:
            code = exc.code
        sys.stdout.flush()
        sys.stderr.flush()
        return code if isinstance(code, int) else 1 if code else 0

    def done(self) -> Done:
        """Wait for its end."""
        deadline = time.monotonic() + SECONDS
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimeoutError(f"{self.arguments} hangs: {self._text(self.err)}")
            time.sleep(0.005)
        return Done(os.waitstatus_to_exitcode(status), self._text(self.out), self._text(self.err))

    def ended(self) -> bool:
        """Whether it has ended; leaves it to :meth:`done` to say how."""
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found is not None

    def errors(self) -> str:
        """What it wrote to its standard error up to now."""
        return self._text(self.err)

    @staticmethod
    def _text(file: tempfile._TemporaryFileWrapper[bytes]) -> str:
        return Path(file.name).read_text(encoding="utf-8")


def forget_project() -> None:
    """Undo what a test of this process may have configured."""
    lazy: Any = settings
    lazy.configure(None)
    apps.clear()
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.filters.clear()
            logger.setLevel(logging.NOTSET)
            logger.propagate, logger.disabled = True, False
    logging.root.setLevel(logging.WARNING)
