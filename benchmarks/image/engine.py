"""The container engine, and a client of it that builds with BuildKit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring.commands import CommandError, Done, environment, run

# The first clients that need a component for BuildKit; those before have it in them.
_SPLIT = 23
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


class EngineError(RuntimeError):
    """No engine or no client that can build; the text has the fix."""


@dataclass(frozen=True)
class Engine:
    """`client` is the program; it builds with BuildKit."""

    client: str
    version: str
    server: str

    def run(self, *arguments: str | Path, folder: Path = Path("/")) -> Done:
        """Run the client."""
        return run([self.client, *arguments], folder, environment(DOCKER_BUILDKIT="1"))

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine knows of an image."""
        told: list[dict[str, Any]] = json.loads(self.run("image", "inspect", name).output)
        return told[0]

    def build(
        self,
        context: Path,
        file: Path,
        tags: Sequence[str],
        arguments: Mapping[str, str],
        secrets: Mapping[str, Path],
        *,
        cached: bool = True,
    ) -> Done:
        """Build an image in the network of the machine, where its mirrors may be."""
        words: list[str | Path] = ["build", "--network=host", "--file", file]
        words += [] if cached else ["--no-cache"]
        for tag in tags:
            words += ["--tag", tag]
        for name, value in arguments.items():
            words += ["--build-arg", f"{name}={value}"]
        words += [word for name in _PROXIES if name in os.environ for word in ("--build-arg", name)]
        for name, path in secrets.items():
            words += ["--secret", f"id={name},src={path}"]
        return self.run(*words, context)

    def remove(self, names: Sequence[str]) -> None:
        """Take names away, and images that have no other."""
        for name in names:
            try:
                self.run("image", "rm", name)
            except CommandError:
                continue  # It was not made, or is somebody else's base by now.

    def discard(self, container: str) -> None:
        """End a container and take it away, with its volumes, if there is one of this name."""
        try:
            self.run("rm", "--force", "--volumes", container)
        except CommandError:
            return

    def remove_nameless(self, identifiers: Iterable[str]) -> None:
        """Take images away that have no name; what has one is somebody's."""
        for identifier in identifiers:
            try:
                if not self.inspect(identifier)["RepoTags"]:
                    self.run("image", "rm", identifier)
            except CommandError:
                continue  # It is not there any more, or is somebody else's base by now.


def find_engine() -> Engine:
    """The first client on PATH that has BuildKit, and the engine behind it.

    Raises:
        EngineError: there is none.
    """
    tried = []
    for folder in dict.fromkeys(os.get_exec_path()):
        client = os.path.join(folder, "docker")
        if not os.access(client, os.X_OK):
            continue
        try:
            told = run([client, "version", "--format", "{{json .}}"], Path("/")).output
            versions = json.loads(told)
            version = versions["Client"]["Version"]
            if int(version.partition(".")[0]) >= _SPLIT:
                run([client, "buildx", "version"], Path("/"))
        except (CommandError, ValueError, KeyError, TypeError) as error:
            tried.append(f"{client}: {error}")
            continue
        return Engine(client, version, versions["Server"]["Version"])
    raise EngineError(
        "no client of a container engine on PATH builds with BuildKit, which the other recipes "
        "need: apt-get install docker-buildx, or docker.io of Debian 12. Tried: "
        + ("; ".join(tried) or "nothing, there is none")
    )
