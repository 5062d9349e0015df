"""The containers of deploy/compose/compose.yaml, as docs/fleet.md starts them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from docker.errors import NotFound
from docker.models.containers import Container
from fleet.programs import run
from pages import read_sections

from image.engine import Engine

SECTIONS = read_sections(Path("docs/fleet.md"))
REPLICAS = ("service-1", "service-2")
SERVERS = ("database", *REPLICAS, "gateway")
#: The names that the page gives to images of the shop.
_SHOP_NAME = re.compile(r"\bshop:(\d)\b")
# Ends a process of the engine's machine, of which a container with its process ids sees all.
_KILL = "import os, sys; os.kill(int(sys.argv[1]), 9)"


@dataclass(frozen=True)
class Fleet:
    """One project of Docker Compose.

    Attributes:
        engine: where it runs.
        root: a copy of what the page's commands need of the repository.
        environment: of these commands.
        project: its name, which all names of the engine begin with.
        shop: the name of the shop's images, without the tag.
        url: the gateway's.
        http: a client of it.
        started: what the engine knew of each process when the fleet had started.
    """

    engine: Engine
    root: Path
    environment: Mapping[str, str]
    project: str
    shop: str
    url: str
    http: httpx.Client
    started: dict[str, dict[str, Any]] = field(default_factory=dict)

    def start(self) -> None:
        """Start it as the page says."""
        self.follow("Start it")
        self.started.update((service, self.state(service)) for service in (*SERVERS, "migrate"))

    def follow(self, section: str) -> str:
        """Run the commands of a section of the page; only images and the port have other names."""
        script = _SHOP_NAME.sub(rf"{self.shop}:\1", SECTIONS[section].script)
        script = script.replace("http://127.0.0.1:8000", self.url)
        return run(
            ["bash", "-euo", "pipefail", "-c", script],
            folder=self.root,
            environment=self.environment,
        )

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` beside the file."""
        folder = self.root / "deploy" / "compose"
        command = ["docker", "compose", *arguments]
        return run(command, folder=folder, environment=self.environment)

    def container(self, service: str) -> Container:
        """The container of a service, as it is now."""
        return self.engine.client.containers.get(f"{self.project}-{service}-1")

    def state(self, service: str) -> dict[str, Any]:
        """What the engine knows of the process of a service; nothing while it has no container."""
        try:
            found: dict[str, Any] = self.container(service).attrs["State"]
        except NotFound:
            return {}
        return found

    def identity(self, service: str) -> tuple[Any, ...]:
        """Differs when the process is another one than before."""
        state = self.state(service)
        return state.get("Pid"), state.get("StartedAt")

    def status(self, request_id: str = "") -> int:
        """The status of an answer of the gateway, or 0 when there is none."""
        headers = {"X-Request-ID": request_id} if request_id else {}
        try:
            return self.http.get("/shop/products", headers=headers).status_code
        except httpx.TransportError:
            return 0

    def inside(self, service: str, path: str) -> int:
        """The status that a service gives to a request from its own container."""
        code = (
            "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=30); "
            f"c.request('GET', {path!r}); print(c.getresponse().status)"
        )
        done = self.container(service).exec_run(["python", "-c", code])
        assert isinstance(done.output, bytes)
        return int(done.output) if done.exit_code == 0 else 0

    def stop(self, service: str) -> None:
        """End a service in order, in the time that compose.yaml gives it; it stays away."""
        self.compose("stop", service)

    @contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """A service whose processes stand still until the end of the block."""
        self.container(service).pause()
        try:
            yield
        finally:
            container = self.container(service)
            if container.status == "paused":
                container.unpause()

    def kill(self, service: str) -> None:
        """End the process of a service with SIGKILL, as the kernel would, and not the engine.

        What the engine itself kills, it does not start again.
        """
        image = self.engine.client.images.get(self.shop + ":1")
        done = self.engine.run(
            image,
            *("python", "-c", _KILL, str(self.state(service)["Pid"])),
            pid_mode="host",
            user="0",
            network_mode="none",
        )
        assert done.code == 0, done.errors


def system_environment() -> dict[str, str]:
    """What commands get of this machine."""
    found = {name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ}
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/bin", "/usr/bin", "/bin"])
    return {**found, "PATH": path}
