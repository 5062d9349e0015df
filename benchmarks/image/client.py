"""The engine's client as Pants is to find it: with BuildKit, or without the builder's memory.

Pants 2.17 has an option for neither.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

from image.engine import Engine, EngineError


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
    return _options(folder, [f"client={shlex.quote(client)}"], "--no-cache")


def buildkit_options(engine: Engine, folder: Path, *words: str) -> tuple[str, ...]:
    """The options of Pants that have BuildKit build, with `words` for `docker build`."""
    lines = [f"client={shlex.quote(engine.client)}", "export DOCKER_BUILDKIT=1"]
    return _options(folder, lines, *words)


def _options(folder: Path, settings: list[str], *words: str) -> tuple[str, ...]:
    folder.mkdir(parents=True)
    program = folder / "docker"
    build = shlex.join(["build", *words])
    lines = [
        "#!/bin/sh",
        *settings,
        f'if [ "$1" = build ]; then shift; exec "$client" {build} "$@"; fi',
        'exec "$client" "$@"',
    ]
    program.write_text("\n".join(lines) + "\n", encoding="utf-8")
    program.chmod(0o755)
    paths = [str(folder), *os.environ.get("PATH", "").split(os.pathsep)]
    return (f"--docker-executable-search-paths={json.dumps(paths)}",)
