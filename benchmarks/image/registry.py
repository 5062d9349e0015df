"""A registry on loopback, of which the bytes that it was given are counted."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from image.engine import Engine, EngineError

_SECONDS = 60.0
_PAUSE = 0.05
# A manifest and a configuration are less, a layer of any use is more.
_DOCUMENT = 16_384


@dataclass(frozen=True)
class Stored:
    """What a registry has: blobs by their digests, with their sizes in bytes."""

    blobs: dict[str, int]

    def since(self, before: Stored) -> Stored:
        """What was added."""
        return Stored({k: v for k, v in self.blobs.items() if k not in before.blobs})

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(self.blobs.values())

    @property
    def layers(self) -> int:
        """How many are too large for a document about an image."""
        return sum(size > _DOCUMENT for size in self.blobs.values())


@dataclass(frozen=True)
class Registry:
    """`address` is `host:port`."""

    address: str
    folder: Path

    def stored(self) -> Stored:
        """What it has now."""
        below = self.folder / "docker" / "registry" / "v2" / "blobs" / "sha256"
        return Stored({data.parent.name: data.stat().st_size for data in below.glob("*/*/data")})

    def push(self, engine: Engine, name: str, repository: str) -> None:
        """Push an image of an engine."""
        remote = self.reference(repository)
        engine.run("tag", name, remote)
        try:
            engine.run("push", "--quiet", remote)
        finally:
            engine.remove((remote,))

    def reference(self, repository: str) -> str:
        """What an image of a repository is called once it is pushed."""
        return f"{self.address}/{repository}:pushed"


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """An empty registry that keeps its data in `folder`.

    Raises:
        EngineError: its program is missing, or it does not start.
    """
    program = shutil.which("docker-registry")
    if program is None:
        raise EngineError("docker-registry is missing: apt-get install docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    configuration = folder / "registry.yml"
    # JSON is YAML too.
    configuration.write_text(
        json.dumps(
            {
                "version": "0.1",
                "log": {"level": "error"},
                "storage": {"filesystem": {"rootdirectory": str(folder)}},
                "http": {"addr": address},
            }
        ),
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [program, "serve", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://{address}/v2/", timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise EngineError(f"the registry at {address} does not answer") from None
                time.sleep(_PAUSE)
        yield Registry(address, folder)
    finally:
        process.terminate()
        process.wait(_SECONDS)
