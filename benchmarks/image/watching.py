"""`./pants --loop package`: how long a saved file takes to be in the image."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from image.clone import Clone
from image.commands import CommandError
from image.recipes import PACKAGE, append_line

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
        process.wait(_PATIENCE_SECONDS)


def measure_edits(tree: Clone, target: str, mark: str, rounds: int, folder: Path) -> list[float]:
    """Seconds from each edit to its image; the first edit does not count."""
    taken = []
    with watching(tree, target, mark, folder / "loop.log") as watch:
        for number in range(rounds + 1):
            began = time.perf_counter()
            append_line(tree.root / "src" / PACKAGE)
            watch.wait(number + 2)
            taken.append(time.perf_counter() - began)
    return taken[1:]
