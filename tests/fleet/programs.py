"""Programs that wheels carry, and running them."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Seconds that a command may take on a busy machine.
PATIENCE = 240.0


def program(distribution: str, name: str) -> Path:
    """A program among the scripts of a wheel."""
    found = [
        Path(str(file.locate()))
        for file in importlib.metadata.files(distribution) or ()
        if file.name == name and file.parts[-2] == "bin"
    ]
    assert found, (
        f"the wheel of {distribution} has no program {name}. "
        "Fix: choose a version that has it in 3rdparty/dev/requirements.txt"
    )
    return found[0].resolve()


def run(
    command: Sequence[str], *, folder: Path | None = None, environment: Mapping[str, str]
) -> str:
    """What a command prints; one that fails, fails the test with all that it said."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
