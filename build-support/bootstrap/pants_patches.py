"""Changes to Pants in the launcher's own environment, for the exact version they were written for.

`QINGKONG_PANTS_PATCHES=off` turns them off. Another version of Pants is left as it is.
"""

from __future__ import annotations

import os

VERSION = "2.17.1"


def apply() -> None:
    from pants import version

    if version.VERSION == VERSION and os.environ.get("QINGKONG_PANTS_PATCHES") != "off":
        from pants_cache import Answers, ask_cache_first, warn_of_failures
        from pants_daemon_start import wait_longer_for_daemon
        from pants_disk import explain_full_disks
        from pants_dist import write_whole_files
        from pants_graph import (
            ask_dependencies_in_parts,
            free_memory_after_runs,
            keep_build_files,
        )
        from pants_memory import keep_build_configuration, keep_options, start_without_plugins
        from pants_rules import leave_out_build_server
        from pants_scopes import narrow_scopes

        leave_out_build_server()
        narrow_scopes()
        start_without_plugins()
        keep_build_configuration()
        keep_options()
        keep_build_files()
        ask_dependencies_in_parts()
        free_memory_after_runs()
        answers = Answers()
        ask_cache_first(answers)
        warn_of_failures(answers)
        wait_longer_for_daemon()
        write_whole_files()
        explain_full_disks()
