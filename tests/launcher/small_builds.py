"""Small builds by the real Pants, as a user starts it, that can be held and watched."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.machines import Machine, RealStart

# Enough for a loaded machine; what is waited for is looked at all the time.
PATIENCE_SECONDS = 400

# `archive` is written by a process, from what another process made of a file. That one waits while
# HOLD exists, for a time that has an end of its own.
_BUILD = """
files(name="data", sources=["data"])
shell_command(
    name="copy",
    command='cat data >copy; : >"$HELD"; i=0; \
while [ -e "$HOLD" ] && [ $i -lt 4000 ]; do sleep 0.1; i=$((i+1)); done',
    tools=["cat", "sleep"],
    extra_env_vars=["HOLD", "HELD"],
    execution_dependencies=[":data"],
    output_files=["copy"],
)
archive(name="archive", format="tar", files=[":copy"])
"""
# More than the small disks of the tests take.
SIZE = 3_000_000


@dataclass
class Build:
    """A repository with `//:archive`."""

    machine: Machine
    hold: Path
    held: Path

    @property
    def dist(self) -> Path:
        return self.machine.root / "dist"

    def start(self, *words: str, **changes: str | None) -> subprocess.Popen[str]:
        return self.machine.popen(*(words or ("package", "//:archive")), **changes)

    def run(self, *words: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, **changes)
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def digest(self) -> str:
        """Of what is in the archive, which is all that is in `dist/`. Its tar has times in it."""
        assert [path.name for path in self.dist.iterdir()] == ["archive.tar"]
        return digest_of(self.dist / "archive.tar")

    def daemon(self, key: str = "pid") -> int | None:
        """The process that Pants wrote down as its daemon, or as the one that is `starting`."""
        for file in self.machine.root.glob(f".pids/*/pantsd/{key}"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                return int(file.read_text().split()[0])
        return None

    def processes(self) -> dict[int, str]:
        """Processes of this repository: they are in its session's folder or name it."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
                place = os.readlink(folder / "cwd")
                if str(self.machine.root) in words + place or self.hold.name in _environment(
                    folder
                ):
                    found[int(folder.name)] = words.replace("\0", " ")
        found.pop(os.getpid(), None)
        return found

    def builds(self) -> dict[int, str]:
        """The processes that build: all but the daemon."""
        return {pid: words for pid, words in self.processes().items() if "pantsd" not in words}

    def stop_daemons(self) -> None:
        for key in ("starting", "pid"):
            pid = self.daemon(key)
            if pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def digest_of(archive: Path) -> str:
    with tarfile.open(archive) as opened:
        member = opened.extractfile("copy")
        assert member is not None
        return hashlib.sha256(member.read()).hexdigest()


def _environment(folder: Path) -> str:
    return (folder / "environ").read_bytes().decode(errors="replace")


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"it ended: {process.communicate()}")
        assert time.monotonic() < end
        time.sleep(0.02)


def make_build(real_start: RealStart, folder: Path) -> Iterator[Build]:
    """A build with the Pants of `real_start`, and a store of its own."""
    assert real_start.outcome().code == 0, real_start.outcome().stderr
    root = folder / "small repository"
    shutil.copytree(
        real_start.machine.root,
        root,
        symlinks=True,
        ignore=shutil.ignore_patterns(".p*d*", "dist", "BUILD"),
    )
    shutil.copy2(real_start.machine.root / ".pants.bootstrap", root)
    machine = Machine(root, dict(real_start.machine.environment))
    machine.pants_toml.write_text('[GLOBAL]\npants_version = "2.17.1"\n')
    (root / "BUILD").write_text(_BUILD)
    (root / "data").write_bytes(bytes(range(256)) * (SIZE // 256))
    build = Build(machine, folder / f"hold-{folder.name}", folder / "held")
    machine.environment.update(
        PANTS_BACKEND_PACKAGES='["pants.backend.shell"]',
        PANTS_LOCAL_STORE_DIR=str(folder / "store"),
        HOLD=str(build.hold),
        HELD=str(build.held),
    )
    yield build
    build.hold.unlink(missing_ok=True)
    build.stop_daemons()
