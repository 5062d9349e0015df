"""`./pants --loop package`: a Pants that packages an image each time that a file is saved."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measuring.clone import Clone
from measuring.commands import CommandError

_PATIENCE_SECONDS = 600.0
_LINES = 30


@dataclass
class Watch:
    """A Pants that packages each time that a file changes, and says `mark` when it has."""

    process: subprocess.Popen[bytes]
    log: Path
    mark: str

    @property
    def builds(self) -> int:
        """How often it has packaged."""
        return self.log.read_text(encoding="utf-8", errors="replace").count(self.mark)

    def wait(self, builds: int) -> None:
        """Until it has packaged that often.

        Raises:
            CommandError: it ended, or takes too long; with the last lines that it wrote.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.builds < builds:
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
                raise CommandError("\n".join([f"no {self.mark!r} of --loop", *said[-_LINES:]]))
            time.sleep(0.01)


@contextmanager
def watching(tree: Clone, target: str, mark: str, log: Path) -> Iterator[Watch]:
    """Watch until the end of the block, with the first package made at its start."""
    words = ["./pants", "--no-dynamic-ui", "--loop", *tree.options, "package", target]
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=tree.root, env=tree.variables, stdout=file, stderr=file
        )
    watch = Watch(process, log, mark)
    try:
        watch.wait(1)
        yield watch
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
