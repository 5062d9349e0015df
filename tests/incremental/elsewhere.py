"""Starting a command on what looks like another machine: user, host name, clock, umask."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

#: Says what a command finds: user, host name, umask, and the hour.
TELL = "id -u; hostname; umask; env -i date -u +%Y-%m-%dT%H"

_USER = 12345
# As far as certificates of package indexes are good for.
_HOURS = 26
# Long before any of our files, and after what zip files can carry.
_OTHER_DAY = 1_000_000_000
# Of libfaketime. The loader knows the folder of each processor.
_CLOCK = "/usr/$LIB/faketime/libfaketime.so.1"
_CLOCKS = "/usr/lib/*/faketime/libfaketime.so.1"


def elsewhere(folder: Path) -> list[str]:
    """What to put before a command.

    The umask is another for everybody. Root has namespaces for the rest: the clock is set by the
    loader of every program, since a sandbox's processes have no variables of ours. That takes
    another `/etc` for the command alone.

    Args:
        folder: for the files that it needs.

    Raises:
        FileNotFoundError: libfaketime is not installed.
    """
    script = folder / "start.sh"
    if os.geteuid() != 0:
        script.write_text('umask 077\nexec "$@"\n', encoding="utf-8")
        return ["sh", str(script)]
    if not [*Path("/").glob(_CLOCKS.lstrip("/"))]:
        raise FileNotFoundError(f"{_CLOCKS}: install faketime, or run `make test`, which does")
    etc = folder / "etc"
    shutil.copytree("/etc", etc, symlinks=True)
    (etc / "ld.so.preload").write_text(f"{_CLOCK}\n", encoding="utf-8")
    (etc / "faketimerc").write_text(f"+{_HOURS}h\n", encoding="utf-8")
    script.write_text(
        "set -e\n"
        f"mount --bind '{etc}' /etc\n"
        "hostname elsewhere\n"
        "umask 077\n"
        # The files that root may read stay readable: the kernel knows who it is.
        f'exec unshare --user --map-user={_USER} --map-group={_USER} "$@"\n',
        encoding="utf-8",
    )
    return ["unshare", "--uts", "--mount", "sh", str(script)]


def assert_elsewhere(told: str) -> None:
    """What `TELL` said is of another machine, as far as this user can have one."""
    user, host, umask, hour = told.split()
    assert umask == "0077"
    if os.geteuid() == 0:
        assert (user, host) == (str(_USER), "elsewhere")
        there = datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)
        assert (there - datetime.now(UTC)).total_seconds() > (_HOURS - 2) * 3600


def rewrite(root: Path) -> None:
    """Write every file again: last ones first, readable by the owner alone, on another day."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    assert len(files) > 100
    for path in reversed(files):
        content, executable = path.read_bytes(), os.access(path, os.X_OK)
        path.unlink()
        path.write_bytes(content)
        path.chmod(0o700 if executable else 0o600)
    for path in root.rglob("*"):
        os.utime(path, (_OTHER_DAY, _OTHER_DAY))
