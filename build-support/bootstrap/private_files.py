"""Files of the launcher: written whole or not at all, and private ones for their owner only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def private_directory(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write_atomically(path: Path, text: str) -> None:
    """Only its owner may read it; `text` may hold undecodable bytes of the environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name[:40]}.", delete=False, newline="",
        encoding="utf-8", errors="surrogateescape",
    ) as file:  # fmt: skip
        try:
            file.write(text)
            file.close()
            os.replace(file.name, path)
        except BaseException as error:
            Path(file.name).unlink(missing_ok=True)
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(path)
            raise


def write_if_changed(path: Path, text: str) -> None:
    try:
        same = path.read_text(encoding="utf-8", errors="surrogateescape") == text
    except (FileNotFoundError, IsADirectoryError):
        same = False
    if not same:
        write_atomically(path, text)
