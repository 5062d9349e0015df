"""Changes to Pants in the launcher's own environment, for the exact version they were written for.

`QINGKONG_PANTS_PATCHES=off` turns them off. Another version of Pants is left as it is.
"""

from __future__ import annotations

import os
import sys

VERSION = "2.17.1"
#: Seconds that the daemon may need to start on a busy machine. Pants itself gives up after 60.
DAEMON_START_SECONDS = 600


def apply() -> None:
    from pants import version

    if version.VERSION == VERSION and os.environ.get("QINGKONG_PANTS_PATCHES") != "off":
        wait_longer_for_daemon()


def wait_longer_for_daemon() -> None:
    """Give the daemon time to start; when it does not, say so in place of a traceback."""
    from pants.pantsd import pants_daemon_client
    from pants.pantsd.process_manager import ProcessManager

    client = pants_daemon_client.PantsDaemonClient

    def launch(self: pants_daemon_client.PantsDaemonClient) -> object:
        self.terminate()
        self.daemon_spawn()
        try:
            pid = self.await_pid(DAEMON_START_SECONDS)
            port = self.await_socket(DAEMON_START_SECONDS)
        except ProcessManager.Timeout:
            sys.exit(
                "./pants: the daemon of Pants did not start\n"
                f"  where: {self._metadata_base_dir}\n"
                f"  value: no answer within {DAEMON_START_SECONDS} s\n"
                "  fix:   read the end of .pants.d/pants.log, or run without a daemon: --no-pantsd"
            )
        return client.Handle(pid, port, self._metadata_base_dir)

    client._launch = launch  # type: ignore[method-assign,assignment]
