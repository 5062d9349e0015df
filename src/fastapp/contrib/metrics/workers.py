"""Metrics where several processes share one port, and any of them answers for all.

Each process writes its numbers into files of a folder that they share (the multi-process mode of
prometheus-client), and who is asked adds them up. The folder is made by the parent, before
prometheus-client is imported anywhere, and removed at its end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fastapp.exceptions import CommandError

#: Read by prometheus-client, when it is imported.
FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
#: In memory, and there also where the file system is read-only.
_MEMORY: Final = Path("/dev/shm")


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder for the processes that are started inside the block; told to them by a variable.

    Raises:
        CommandError: no folder can be made.
    """
    place = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
    try:
        folder = Path(tempfile.mkdtemp(prefix="fastapp-metrics-", dir=place))
    except OSError as exc:
        raise CommandError(
            f"METRICS_ENABLED with several workers needs a folder that can be written: {exc}. "
            "Fix: set TMPDIR to one, or serve with one worker."
        ) from exc
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        del os.environ[FOLDER_VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


def share_as(label: str) -> None:
    """Use a folder of this name in the shared one: processes of one service add up, and no more.

    Does nothing where nothing is shared.
    """
    if is_shared():
        folder = Path(os.environ[FOLDER_VARIABLE]) / label
        folder.mkdir(exist_ok=True)
        os.environ[FOLDER_VARIABLE] = str(folder)


def is_shared() -> bool:
    """Whether this process is one of several."""
    return FOLDER_VARIABLE in os.environ


def processes(is_alive: Callable[[int], bool]) -> list[int]:
    """Ids of the processes that have written and are alive.

    What the others said of the present, such as requests in flight, is removed; what they counted
    stays.
    """
    from prometheus_client import multiprocess

    folder = os.environ[FOLDER_VARIABLE]
    alive = []
    for pid in sorted({int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("*_*.db")}):
        if is_alive(pid):
            alive.append(pid)
        else:
            multiprocess.mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
    return alive


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
