"""Starting the daemon of Pants: with time enough on a busy machine, and one message when it fails.

Pants gives up after 60 s with a traceback, and waits as long for a daemon that has died. A daemon
whose client was killed while it started is ended by the next start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pants.pantsd.pants_daemon_client import PantsDaemonClient

#: Seconds that the daemon may need to start on a busy machine.
DAEMON_START_SECONDS = 600
# The file with the process that is starting, beside `pid` and `socket`, which it writes later.
_STARTING = "starting"


class _EndedError(Exception):
    """The daemon ended before it answered."""


def _psutil() -> Any:
    """What Pants itself looks at processes with."""
    from pants.pantsd import process_manager

    return vars(process_manager)["psutil"]


def _starting(client: PantsDaemonClient) -> int | None:
    """The daemon that was recorded as starting, if it lives.

    Another process may have its number now, so the time of its start has to be the one that was
    recorded. Its environment tells nothing: the daemon writes its title over it.
    """
    psutil = _psutil()
    pid, _, moment = (client.read_metadata_by_name(_STARTING) or "").partition(" ")
    with contextlib.suppress(psutil.Error, ValueError):
        process = psutil.Process(int(pid))
        if repr(process.create_time()) == moment and process.status() != psutil.STATUS_ZOMBIE:
            return int(pid)
    return None


def _stop_starting(client: PantsDaemonClient) -> None:
    """End a daemon that is starting, and that no client waits for any more."""
    pid = _starting(client)
    # One that has said who it is ends in order, by Pants.
    if pid and pid != client.read_metadata_by_name(client.PID_KEY, int):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _record_spawned(client: PantsDaemonClient) -> None:
    """Have the child that starts the daemon write down which process that is; then it exits."""
    spawn: Any = vars(os)["spawnve"]

    def spawn_recorded(*args: Any, **kwargs: Any) -> int:
        pid: int = spawn(*args, **kwargs)
        client.write_metadata_by_name(_STARTING, f"{pid} {_psutil().Process(pid).create_time()!r}")
        return pid

    vars(os)["spawnve"] = spawn_recorded


def _await(client: PantsDaemonClient, key: str, what: str) -> int:
    def is_there() -> bool:
        if client.read_metadata_by_name(key):
            return True
        recorded = client.read_metadata_by_name(_STARTING)
        if recorded and not _starting(client) and not client.read_metadata_by_name(key):
            raise _EndedError
        return False

    client._deadline_until(is_there, what, f"{what}: done", timeout=DAEMON_START_SECONDS)
    return int(client.read_metadata_by_name(key, int))


def _fail(client: PantsDaemonClient, value: str) -> NoReturn:
    sys.exit(
        "./pants: the daemon of Pants did not start\n"
        f"  where: {client._metadata_base_dir}\n"
        f"  value: {value}\n"
        "  fix:   read what it said above or at the end of .pants.d/pants.log, "
        "or run without a daemon: --no-pantsd"
    )


def wait_longer_for_daemon() -> None:
    from pants.pantsd.pants_daemon_client import PantsDaemonClient
    from pants.pantsd.process_manager import ProcessManager

    maybe_launch: Any = PantsDaemonClient.maybe_launch
    post_fork_child: Any = PantsDaemonClient.post_fork_child

    def launch(self: PantsDaemonClient) -> object:
        _stop_starting(self)
        self.terminate()
        self.daemon_spawn()
        try:
            pid = _await(self, self.PID_KEY, "pantsd to start")
            port = _await(self, self.SOCKET_KEY, "pantsd to open its socket")
        except ProcessManager.Timeout:
            _stop_starting(self)
            _fail(self, f"no answer within {DAEMON_START_SECONDS} s")
        except _EndedError:
            _fail(self, "it ended before it answered")
        return self.Handle(pid, port, self._metadata_base_dir)

    def launch_if_needed(self: PantsDaemonClient) -> object:
        try:
            return maybe_launch(self)
        except ProcessManager.Timeout:
            # It was killed, or is being, after it said who it is and before it could answer.
            return self.restart()

    def record_and_spawn(self: PantsDaemonClient, *args: Any, **kwargs: Any) -> None:
        _record_spawned(self)
        post_fork_child(self, *args, **kwargs)

    PantsDaemonClient._launch = launch  # type: ignore[method-assign,assignment]
    PantsDaemonClient.maybe_launch = launch_if_needed  # type: ignore[method-assign,assignment]
    PantsDaemonClient.post_fork_child = record_and_spawn  # type: ignore[method-assign,assignment]
