"""The engine's client for a Pants that has no option to build without the builder's memory."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

from image.engine import EngineError


def uncached_options(folder: Path) -> tuple[str, ...]:
    """The options of Pants that make `docker build` begin from nothing.

    Pants finds a program in `folder` that hands everything on to the client that it would have
    found itself.

    Raises:
        EngineError: there is no client.
    """
    client = shutil.which("docker")
    if client is None:
        raise EngineError("there is no client of a container engine on PATH: install one")
    folder.mkdir(parents=True)
    program = folder / "docker"
    lines = [
        "#!/bin/sh",
        f"client={shlex.quote(client)}",
        'if [ "$1" = build ]; then shift; exec "$client" build --no-cache "$@"; fi',
        'exec "$client" "$@"',
    ]
    program.write_text("\n".join(lines) + "\n", encoding="utf-8")
    program.chmod(0o755)
    paths = [str(folder), *os.environ.get("PATH", "").split(os.pathsep)]
    return (f"--docker-executable-search-paths={json.dumps(paths)}",)
