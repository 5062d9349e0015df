"""A build with a killed process, or killed as a whole while it fills its caches, is built again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from plugin_testing.real_pants import PATIENCE_SECONDS, Clone, CountingCompiler, wait_for


def descendants(pid: int) -> dict[int, str]:
    """The processes below `pid`, with their command lines."""
    found = {pid: ""}
    grown = True
    while grown:
        grown = False
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = int((folder / "stat").read_text().rpartition(") ")[2].split()[1])
                if parent in found and int(folder.name) not in found:
                    words = (folder / "cmdline").read_bytes().decode(errors="replace")
                    found[int(folder.name)] = words.replace("\0", " ")
                    grown = True
    del found[pid]
    return found


def kill_one(process: subprocess.Popen[str], *words: str) -> None:
    """Kill one process of a build: the first whose command line has these words."""

    def matching() -> list[int]:
        below = descendants(process.pid)
        return [pid for pid, line in below.items() if all(word in line for word in words)]

    wait_for(f"process of {words}", matching, process)
    for pid in matching()[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill Pants and what it runs, as a machine that stops."""
    below = descendants(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    for pid in below:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_SECONDS)


def test_killed_processes(tmp_path: Path, compiler: CountingCompiler, index: str) -> None:
    clone = Clone.make(tmp_path / "one", compiler, index, None)
    cache = clone.caches / "named" / "pex_root"

    # A process of the pex tool, alone: Pants reports it.
    process = clone.start("package", "native:wheel")
    kill_one(process, "pex", "--tmpdir")
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert "failed with exit code" in output
    assert clone.built() == []

    # All, while the cache of the pex tool fills: twice, at different moments.
    for pattern in ("unzipped_pexes/*", "installed_wheels/*/*"):
        process = clone.start("package", "native:wheel")
        wait_for(pattern, lambda p=pattern: any(cache.glob(p)), process)
        kill_all(process)
        assert clone.built() == []

    # A compiler, alone.
    compiler.hold.touch()
    process = clone.start("package", "native:wheel")
    wait_for("compiler that runs", compiler.held.exists, process)
    kill_one(process, str(compiler.directory / "gcc"), " -c ")
    compiler.hold.unlink()
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert "native:wheel" in output
    assert clone.built() == []

    clone.package()
    wheel = clone.wheel()
    # The caches that all this has left, and an empty store.
    store = f"--local-store-dir={tmp_path / 'store'}"
    process = clone.start(store, "package", "native:wheel")
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, output
    assert clone.wheel() == wheel
