"""What Pants writes to `dist/` is there whole or not at all, however a build ends.

Pants writes each file where it belongs, byte after byte: a full disk or a killed build leaves half
of one. Here it writes beside them, and each file or folder of a result is moved when all are there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pants_disk import ExplainedError

_SCRATCH = "writing-"


def move_into(source: str, target: str, replaced: Collection[str]) -> None:
    """Move what is in the folder `source` to the folder `target`.

    Args:
        replaced: paths of folders that are replaced as a whole; others are merged.
    """
    os.makedirs(target, exist_ok=True)
    # Folders first: an image layout's index comes after what it names.
    entries = sorted(os.scandir(source), key=lambda entry: not entry.is_dir(follow_symlinks=False))
    for entry in entries:
        place = os.path.join(target, entry.name)
        is_folder = os.path.isdir(place) and not os.path.islink(place)
        if is_folder and entry.is_dir(follow_symlinks=False) and place not in replaced:
            move_into(entry.path, place, replaced)
            continue
        if is_folder:
            # A folder cannot be replaced in one step: the old one steps aside.
            os.rename(place, f"{entry.path}.old")
        elif os.path.lexists(place) and entry.is_dir(follow_symlinks=False):
            os.unlink(place)
        os.replace(entry.path, place)


def _is_alive(name: str) -> bool:
    try:
        os.kill(int(name.rpartition("-")[2]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def scratch_folder(root: Path, target: Path) -> Path:
    """An empty folder on the file system of `target`; those of processes that are gone go."""
    work = root / ".pants.d"
    target.mkdir(parents=True, exist_ok=True)
    place = work if work.exists() and work.stat().st_dev == target.stat().st_dev else target
    for left in place.glob(f".{_SCRATCH}*"):
        if left.name.endswith(f"-{os.getpid()}") or not _is_alive(left.name):
            shutil.rmtree(left, ignore_errors=True)
    scratch = place / f".{_SCRATCH}{os.getpid()}"
    scratch.mkdir()
    return scratch


def write_whole_files() -> None:
    from pants.base.build_environment import get_buildroot
    from pants.engine.internals.scheduler import SchedulerSession

    write_in_place: Any = SchedulerSession.write_digest

    def write_digest(
        self: Any, digest: Any, *, path_prefix: str | None = None, clear_paths: Sequence[str] = ()
    ) -> None:
        # Without a prefix these are sources, which stay the files that they are.
        odd = [path for path in clear_paths if re.match(r"/|(.*/)?\.{0,2}/*$", path)]
        if not path_prefix or odd:
            write_in_place(self, digest, path_prefix=path_prefix, clear_paths=clear_paths)
            return
        root = Path(get_buildroot())
        if not os.access(root, os.W_OK):
            # Whatever the target: the engine makes a file at the root before it writes anywhere.
            raise ExplainedError(
                "./pants: results cannot be written, because the repository cannot be\n"
                f"  where: {root / path_prefix}\n"
                f"  value: {root} is read-only for this user\n"
                "  fix:   build in a copy (git clone), or make the repository writable"
            )
        target = root / path_prefix
        scratch = scratch_folder(root, target)
        try:
            write_in_place(self, digest, path_prefix=os.path.relpath(scratch, root))
            replaced = {os.path.join(target, os.path.normpath(path)) for path in clear_paths}
            move_into(str(scratch), str(target), replaced)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    SchedulerSession.write_digest = write_digest  # type: ignore[method-assign]
