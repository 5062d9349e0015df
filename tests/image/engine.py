"""The container engine of this machine: what a test makes in it is gone when the test ends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import docker
from docker import DockerClient
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.models.images import Image
from docker.models.volumes import Volume

FRAMEWORK = "fastapp:latest-py3.12"
BOTH_NAMES = (FRAMEWORK, "qingkong_framework:latest-py3.12")

#: Seconds that the engine may take to answer one request.
ANSWER_SECONDS = 60
#: Seconds that a command in a container, or a server's start, may take on a busy machine.
PATIENCE = 40.0


class EngineError(RuntimeError):
    """The engine or the image is not there; the text says what to do about it."""


class NotInTime(AssertionError):
    """What a test waited for did not come about."""


@dataclass(frozen=True)
class Finished:
    """A command that ended.

    Attributes:
        code: its exit code.
        output: standard output.
        errors: standard error.
    """

    code: int
    output: str
    errors: str


def unique(purpose: str) -> str:
    """A name that no other test run uses."""
    return f"qk-test-{purpose}-{secrets.token_hex(5)}"


def wait_until[T](question: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """Ask until the answer is true, and return it.

    Raises:
        NotInTime: it was not, within ``seconds``; the text ends with the last answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {seconds} s; the last answer was {answer!r}")
        time.sleep(0.1)


class Engine:
    """A connection to the container engine."""

    def __init__(self) -> None:
        """Connect.

        Raises:
            EngineError: there is no engine, or it does not answer.
        """
        try:
            self.client: DockerClient = docker.from_env(timeout=ANSWER_SECONDS)
            self.client.ping()
        except DockerException as exc:
            raise EngineError(
                "these tests need a container engine, and none answers: install one "
                "(apt-get install docker.io), start it (as root: dockerd), and let this user "
                f"talk to it, or name it in DOCKER_HOST. It said: {exc}"
            ) from exc

    def close(self) -> None:
        """End the connection."""
        self.client.close()

    def image(self, name: str) -> Image:
        """An image of the engine; nothing is pulled.

        Raises:
            EngineError: there is none of that name.
        """
        try:
            return self.client.images.get(name)
        except ImageNotFound:
            raise EngineError(
                f"the image {name} is not in the container engine. "
                "Fix: run make image, or ./pants package deploy:image"
            ) from None

    @contextmanager
    def container(
        self, image: Image, command: Sequence[str] | None, **options: Any
    ) -> Iterator[Container]:
        """A running container; it goes with its anonymous volumes at the end of the block."""
        container = self.client.containers.create(
            str(image.id), list(command) if command else None, name=unique("run"), **options
        )
        try:
            container.start()
            yield container
        finally:
            container.remove(v=True, force=True)

    @contextmanager
    def volume(self) -> Iterator[Volume]:
        """A named volume."""
        volume = self.client.volumes.create(name=unique("data"))
        try:
            yield volume
        finally:
            volume.remove(force=True)

    def run(self, image: Image, *command: str, **options: Any) -> Finished:
        """Run a command to its end; without one, what the image says."""
        with self.container(image, command, **options) as container:
            return finish(container)

    @contextmanager
    def built(self, context: str, purpose: str) -> Iterator[Image]:
        """An image of the Dockerfile in a folder; nothing is pulled."""
        name = unique(purpose)
        image, _log = self.client.images.build(path=context, tag=name, rm=True, forcerm=True)
        try:
            yield image
        finally:
            self.remove_image(name)

    def remove_image(self, name: str) -> None:
        """Remove an image if it exists, with the unnamed ones that only it was made of."""
        with suppress(NotFound):
            self.client.images.remove(name, force=True)


def finish(container: Container, seconds: float = PATIENCE) -> Finished:
    """Wait for the end of a container's command."""
    code: int = container.wait(timeout=seconds)["StatusCode"]
    output: bytes = container.logs(stdout=True, stderr=False)
    errors: bytes = container.logs(stdout=False, stderr=True)
    return Finished(code, output.decode(), errors.decode())


def logs(container: Container) -> str:
    """All that a container wrote so far."""
    text: bytes = container.logs()
    return text.decode(errors="replace")
