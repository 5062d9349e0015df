"""A build that is ended half-way leaves nothing behind, and nothing wrong in the caches."""

from __future__ import annotations

import io
import os
import signal
import zipfile
from pathlib import Path

from plugin_testing.real_pants import Clone, CountingCompiler, wait_for


def test_interrupted_builds(tmp_path: Path, compiler: CountingCompiler, index: str) -> None:
    clone = Clone.make(tmp_path / "one", compiler, index, None)
    for kill in (signal.SIGINT, signal.SIGKILL):
        compiler.hold.touch()
        process = clone.start("package", "native:wheel")
        try:
            wait_for("compiler that runs", compiler.held.exists, process)
            os.killpg(process.pid, kill)
            process.communicate(timeout=120)
        finally:
            compiler.hold.unlink()
        assert process.returncode != 0
        assert clone.built() == []
        compiler.held.unlink()

    clone.package()
    with zipfile.ZipFile(io.BytesIO(clone.wheel())) as archive:
        assert archive.testzip() is None
        assert [name for name in archive.namelist() if name.endswith(".so")]
