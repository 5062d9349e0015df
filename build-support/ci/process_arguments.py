"""What anyone on this machine can see of a password: the arguments of processes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self


class ProcessArguments:
    """Looks for a text in the arguments of all processes of this machine until it is closed."""

    def __init__(self, text: str, *, pause: float = 0.002) -> None:
        self._text = text.encode()
        self._pause = pause
        self._ended = threading.Event()
        self.seen: list[bytes] = []
        self.looks = 0
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._ended.wait(self._pause):
            self.looks += 1
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    arguments = file.read_bytes()
                except OSError:
                    continue
                if self._text in arguments:
                    self.seen.append(arguments)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
