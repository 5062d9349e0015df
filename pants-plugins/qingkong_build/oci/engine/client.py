"""An engine: what it has, and what it is given. The API is the `docker` package's to speak."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import docker.errors
import requests
import urllib3.exceptions
from docker.api.client import APIClient

from qingkong_build.oci.engine.address import EngineAddress, docker_config
from qingkong_build.oci.engine.answers import (
    CLIENT_API_VERSION,
    EngineImage,
    EngineProduct,
    read_image,
    read_product,
)
from qingkong_build.oci.engine.archive import image_archive
from qingkong_build.oci.engine.connection import SSH_CONNECT_SECONDS, Limits, Wire, WireAdapter
from qingkong_build.oci.engine.diagnosis import OTHER_ENGINE, diagnose, one_line
from qingkong_build.oci.engine.errors import EngineError, EngineRefusedError, EngineUnreachableError

#: The first answer of an engine tells whether there is one.
ANSWER_SECONDS = 5.0
_CALL_SECONDS = 60.0
_PULL_SECONDS = 3600.0
#: A disk that writes slower than this is not worth waiting for.
_BYTES_PER_SECOND = 1 << 20
_CHUNK = 1 << 20


class Engine:
    """The engine at an address. Every method raises `EngineError` where something goes wrong."""

    def __init__(
        self,
        address: EngineAddress,
        environment: Mapping[str, str],
        product: EngineProduct | None = None,
    ) -> None:
        """
        Args:
            address: where it is.
            environment: with those of `CLIENT_VARIABLES` that are set.
            product: what `identify` found before, if it is known.
        """
        self.address = address
        self.environment = environment
        self._product = product

    def __str__(self) -> str:
        return f"container engine at {self.address}"

    def identify(self) -> EngineProduct:
        """Which engine answers."""
        if self._product is None:
            seconds = SSH_CONNECT_SECONDS if self.address.scheme == "ssh" else ANSWER_SECONDS
            try:
                with self._call(
                    "finding the container engine", seconds, seconds, CLIENT_API_VERSION
                ) as client:
                    self._product = read_product(client.version(api_version=False))
            except EngineRefusedError as error:
                raise EngineUnreachableError(f"{error}. Fix: {OTHER_ENGINE}.") from error
        return self._product

    def inspect(self, name: str) -> EngineImage | None:
        """The image of this name or ID, if the engine has it."""
        with self._call(f"inspecting {name}") as client:
            try:
                return read_image(client.inspect_image(name))
            except docker.errors.ImageNotFound:
                return None

    def load(
        self,
        config: bytes,
        image_id: str,
        names: Sequence[str],
        diff_ids: Sequence[str],
        layers: Mapping[str, bytes],
    ) -> None:
        """Have the engine make an image of layers that it has and of `layers`, and name it.

        Args:
            config: the image's config.
            image_id: its sha256, in hexadecimal.
            names: `repository:tag`, each of them.
            diff_ids: of all its layers, lowest first.
            layers: the uncompressed tars of those that the engine may lack, by their diff ID.

        Raises:
            EngineRefusedError: the engine lacks a layer that is not given, or says no.
        """
        partial = self.identify().takes_partial_archives
        archive = image_archive(config, image_id, names, diff_ids, layers, partial)
        seconds = _CALL_SECONDS + sum(map(len, layers.values())) / _BYTES_PER_SECOND
        doing = f"loading {names[0]}"
        with self._call(doing, seconds, seconds) as client:
            for answer in client.load_image(archive, quiet=True):
                self._raise_refusal(answer, doing)
        loaded = self.inspect(f"sha256:{image_id}")
        missing = [name for name in names if loaded is None or not loaded.has_name(name)]
        if missing:
            # The containerd image store names images by their manifest; it is not served here.
            raise EngineRefusedError(
                f"{doing}: the {self} took the archive, but has no image "
                f"sha256:{image_id} under the name {missing[0]}"
            )

    def save(self, image: EngineImage) -> Iterator[bytes]:
        """The archive of an image, in chunks."""
        total = _CALL_SECONDS + image.size / _BYTES_PER_SECOND
        with self._call(f"saving sha256:{image.id}", total, _CALL_SECONDS) as client:
            yield from client.get_image(f"sha256:{image.id}", _CHUNK)

    def pull(self, reference: str) -> None:
        """Have the engine pull an image from its registry, with the user's credentials."""
        doing = f"pulling {reference}"
        with self._call(doing, _PULL_SECONDS, _CALL_SECONDS) as client:
            client.reload_config(os.path.join(docker_config(self.environment), "config.json"))
            repository, _, digest = reference.partition("@")
            answers = client.pull(repository, tag=digest or None, stream=True, decode=True)
            for answer in answers:
                self._raise_refusal(answer, doing)

    def remove(self, name: str) -> None:
        """Take a name from an image; with its last name the image goes."""
        with self._call(f"removing {name}") as client:
            client.remove_image(name)

    def _raise_refusal(self, answer: Any, doing: str) -> None:
        if not isinstance(answer, dict):
            return
        reason = answer.get("error") or (answer.get("message") if "cause" in answer else None)
        if reason:
            raise EngineRefusedError(f"{doing}: the {self} refused: {one_line(str(reason))}")

    @contextlib.contextmanager
    def _call(
        self,
        doing: str,
        total: float | None = None,
        silence: float | None = None,
        api_version: str | None = None,
    ) -> Iterator[APIClient]:
        """A client for one call, which ends in time. What goes wrong is an `EngineError`."""
        whole = total or _CALL_SECONDS
        limits = Limits(min(silence or _CALL_SECONDS, whole), whole)
        wire = Wire(self.address, self.environment, limits)
        version = api_version or self.identify().api_version
        try:
            with wire.running():
                client = APIClient(
                    "unix:///engine",
                    version=version,
                    credstore_env=dict(self.environment),
                )
                # No proxy and no ~/.netrc is between us and an engine.
                client.trust_env = False
                client.mount("http+docker://", WireAdapter(wire))
                with client:
                    yield client
        except docker.errors.APIError as error:
            reason = one_line(str(error.explanation or error))
            raise EngineRefusedError(f"{doing}: the {self} refused: {reason}") from error
        except EngineRefusedError:
            raise
        except (
            EngineError,
            docker.errors.DockerException,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
            # What is no JSON, or not the JSON that an engine answers with.
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
        ) as error:
            trouble = diagnose(error, wire)
            raise EngineUnreachableError(
                f"{doing}: the {self}: {trouble.why}. Fix: {trouble.fix}."
            ) from error
