"""The daemon of Pants: one that does not start, and builds whose daemon or client is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.machines import RealStart
from launcher.small_builds import PATIENCE_SECONDS, Build, make_build, wait_for


@pytest.fixture(scope="module")
def build(real_start: RealStart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    yield from make_build(real_start, tmp_path_factory.mktemp("daemon"))


# As the launcher starts Pants, but for what the daemon does first and how long its client waits.
_DRIVER = """
import os, sys, time
environment = {environment!r}
stdlib = [path for path in sys.path[1:] if "site-packages" not in path]
sys.path[:] = [environment + "/lib/python3.9/site-packages", *stdlib, environment + "/bin"]
if "PANTS_DAEMON_ENTRYPOINT" in os.environ:
    {daemon}
import pants_daemon_start, pants_patches
pants_daemon_start.DAEMON_START_SECONDS = {seconds}
pants_patches.apply()
from pants.bin.pants_loader import main
main()
"""
# It has a title in place of its environment long before it says who it is.
_SLOW = """
    from pants.pantsd.pants_daemon import PantsDaemon
    initialize = PantsDaemon._initialize_metadata
    def initialize_late(*arguments):
        time.sleep(2)
        initialize(*arguments)
    PantsDaemon._initialize_metadata = initialize_late
"""


def start_with(
    build: Build, folder: Path, daemon: str, seconds: int = PATIENCE_SECONDS
) -> subprocess.CompletedProcess[str]:
    """`list ::` with a daemon that starts with these lines."""
    build.stop_daemons()
    [stamp] = build.machine.state.glob("pants-*/complete")
    driver = folder / "driver.py"
    driver.write_text(_DRIVER.format(daemon=daemon, seconds=seconds, environment=str(stamp.parent)))
    return subprocess.run(
        [build.machine.environment["PANTS_PYTHON39"], "-s", str(driver), "list", "::"],
        cwd=build.machine.root,
        env={**build.machine.environment, "NO_SCIE_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.parametrize(
    ("daemon", "seconds", "value"),
    [
        ("time.sleep(400)", 1, "no answer within 1 s"),
        ("sys.exit('a last word')", PATIENCE_SECONDS, "it ended before it answered"),
    ],
    ids=["hangs", "ends"],
)
def test_a_daemon_that_does_not_start_is_explained(
    build: Build, tmp_path: Path, daemon: str, seconds: int, value: str
) -> None:
    done = start_with(build, tmp_path, daemon, seconds)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    for part in (
        "the daemon of Pants did not start",
        "  where: ",
        f"  value: {value}",
        "--no-pantsd",
    ):
        assert part in done.stderr
    # It does not start later on, when no one waits for it.
    wait_for(lambda: not build.processes())


def test_a_daemon_that_is_slow_to_say_who_it_is_is_waited_for(build: Build, tmp_path: Path) -> None:
    done = start_with(build, tmp_path, _SLOW)
    assert (done.returncode, "//:archive" in done.stdout) == (0, True), done.stderr
    build.stop_daemons()


def begin(build: Build) -> subprocess.Popen[str]:
    """A build whose process waits."""
    build.held.unlink(missing_ok=True)
    build.hold.touch()
    process = build.start("package", "//:archive", "--no-local-cache")
    wait_for(build.held.exists, process)
    return process


def end(build: Build, process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=PATIENCE_SECONDS)
    build.hold.unlink()


def test_killed_builds_are_repaired_by_the_next_one(build: Build) -> None:
    """With nothing cleaned by hand, the same bytes, and one daemon in the end."""
    build.stop_daemons()
    wait_for(lambda: not build.processes())
    process = build.start()
    # Its client, with a daemon that has only begun to start.
    wait_for(lambda: build.daemon("starting"), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    process = begin(build)
    first = build.daemon()
    assert first is not None
    # The daemon, which cannot stop what it runs any more: that goes on to its own end, for nothing.
    os.kill(first, signal.SIGKILL)
    end(build, process)
    assert process.returncode != 0
    wait_for(lambda: not build.builds())
    assert not build.dist.exists()

    process = begin(build)
    daemon = build.daemon()
    assert daemon not in (None, first)
    # The client: what the daemon builds for it is ended.
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_SECONDS)
    wait_for(lambda: not build.builds())
    build.hold.unlink()
    assert not build.dist.exists()

    process = begin(build)
    # Ctrl-C.
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)
    wait_for(lambda: not build.builds())
    build.hold.unlink()
    assert not build.dist.exists()

    done = build.run()
    assert done.returncode == 0, done.stderr
    digest = build.digest()
    assert [pid for pid, words in build.processes().items()] == [build.daemon()]
    # As a build that no one disturbed.
    done = build.run(
        "--no-pantsd", "package", "//:archive", PANTS_LOCAL_STORE_DIR=str(build.held) + "2"
    )
    assert (done.returncode, build.digest()) == (0, digest), done.stderr


def kill_at(build: Build, calls: str, log: Path, **changes: str) -> None:
    """Package, and die at the first of these calls that is about the result's own path."""
    command = [
        *("strace", "-f", "-qq", "-o", str(log), "-P", str(build.dist / "archive.tar")),
        *("-e", f"trace={calls}", "-e", f"inject={calls}:signal=SIGKILL:when=1"),
        *(str(build.machine.root / "pants"), "--no-pantsd", "package", "//:archive"),
    ]
    subprocess.run(
        command,
        cwd=build.machine.root,
        env={**build.machine.environment, **changes},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )


def test_results_are_written_whole(build: Build, tmp_path: Path) -> None:
    """No call fills a file of `dist/`: a build that is killed at one would leave half of it."""
    archive = build.dist / "archive.tar"
    data = build.machine.root / "data"
    assert build.run("--no-pantsd", "package", "//:archive").returncode == 0
    data.write_bytes(b"other" * 400_000)
    new = hashlib.sha256(data.read_bytes()).hexdigest()
    assert build.digest() != new
    # No result is filled where it belongs: there is nothing to be killed at.
    log = tmp_path / "log"
    kill_at(build, "copy_file_range,sendfile,write", log)
    assert "killed by SIGKILL" not in log.read_text()
    assert build.digest() == new
    assert list((build.machine.root / ".pants.d").glob(".writing-*")) == []
    # Pants itself fills it there, which this test would see.
    kill_at(build, "copy_file_range,sendfile,write", log, QINGKONG_PANTS_PATCHES="off")
    assert "killed by SIGKILL" in log.read_text()
    assert archive.stat().st_size < data.stat().st_size
