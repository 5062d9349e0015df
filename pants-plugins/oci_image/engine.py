"""The container engine at its local socket: what it has, and loading what it lacks.

An engine elsewhere (ssh, TLS, another context) is left to its own client.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from oci_image.documents import BaseConfig, Document, docker_manifest

DEFAULT_SOCKET = "/var/run/docker.sock"
#: Seconds for one answer; loading writes layers to a disk that may be slow.
_TIMEOUT = 600.0


class EngineError(Exception):
    """The engine refused, or was not there."""


def socket_of(environment: Mapping[str, str]) -> str | None:
    """The socket that `docker` would use with these variables; None where it would not use one.

    Args:
        environment: with `DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_CONFIG` and `HOME`, if set.
    """
    host = environment.get("DOCKER_HOST", "")
    if host:
        return host[len("unix://") :] if host.startswith("unix://") else None
    if _context(environment) != "default":
        return None
    return DEFAULT_SOCKET if os.path.exists(DEFAULT_SOCKET) else None


def _context(environment: Mapping[str, str]) -> str:
    if environment.get("DOCKER_CONTEXT"):
        return environment["DOCKER_CONTEXT"]
    folder = environment.get("DOCKER_CONFIG") or os.path.join(
        environment.get("HOME", os.path.expanduser("~")), ".docker"
    )
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            return str(json.load(file).get("currentContext") or "default")
    except (OSError, ValueError):
        return "default"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class EngineImage:
    """An image of the engine. `id` is the sha256 of its configuration, in hexadecimal."""

    id: str
    base: BaseConfig


class Engine:
    """The engine behind a local socket. Every method raises `EngineError` where it is not there."""

    def __init__(self, path: str) -> None:
        self.path = path

    def _request(
        self, method: str, path: str, body: Iterator[bytes] | None = None
    ) -> tuple[int, bytes]:
        connection = _Connection(self.path)
        headers = {"Content-Type": "application/x-tar"} if body else {}
        try:
            connection.request(method, path, body, headers, encode_chunked=body is not None)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(
                f"the container engine at {self.path} does not answer: {error}"
            ) from error
        finally:
            connection.close()

    def inspect(self, name: str) -> EngineImage | None:
        """The image of this name or id, if there is one."""
        status, body = self._request("GET", f"/images/{quote(name, safe='/:@')}/json")
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        if status != http.HTTPStatus.OK:
            raise EngineError(f"the container engine cannot say what {name} is: {_message(body)}")
        raw: dict[str, Any] = json.loads(body)
        base = BaseConfig.from_json(
            {
                "architecture": raw["Architecture"],
                "os": raw["Os"],
                "variant": raw.get("Variant"),
                "created": raw.get("Created"),
                "config": raw.get("Config"),
                "rootfs": {"diff_ids": raw["RootFS"].get("Layers") or []},
            }
        )
        return EngineImage(raw["Id"][len("sha256:") :], base)

    def load(
        self,
        config: Document,
        names: Sequence[str],
        diff_ids: Sequence[str],
        layers: Mapping[str, bytes],
    ) -> None:
        """Have the engine make an image of layers it has and of `layers`, and name it.

        Args:
            config: the image's configuration.
            names: `repository:tag`, each of them.
            diff_ids: of all its layers, lowest first.
            layers: the uncompressed tars of those that the engine may lack, by their diff id.

        Raises:
            EngineError: the engine lacks a layer that is not given, or refuses for another reason.
        """
        chunks = _archive(config, names, diff_ids, layers)
        status, body = self._request("POST", "/images/load?quiet=1", chunks)
        if status != http.HTTPStatus.OK or b'"error"' in body:
            raise EngineError(f"the container engine refused the image: {_message(body)}")
        loaded = self.inspect(names[0])
        if loaded is None or loaded.id != config.blob.digest:
            # The containerd image store names images by their manifest; it is not served here.
            raise EngineError(
                f"the container engine did not take the image as {config.blob.digest}"
            )


def _message(body: bytes) -> str:
    lines = body.decode(errors="replace").strip().splitlines()
    try:
        last = json.loads(lines[-1])
        return str(last.get("message") or last.get("error") or last)
    except (IndexError, ValueError):
        return " ".join(lines) or "no reason given"


def _archive(
    config: Document, names: Sequence[str], diff_ids: Sequence[str], layers: Mapping[str, bytes]
) -> Iterator[bytes]:
    """The archive that `docker load` takes. Layers the engine has need not be in it."""
    paths = [f"{digest}/layer.tar" for digest in diff_ids]
    file = f"{config.blob.digest}.json"
    yield from _member(file, config.content)
    yield from _member("manifest.json", docker_manifest(file, names, paths))
    for digest, content in layers.items():
        yield from _member(f"{digest}/layer.tar", content)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(name: str, content: bytes) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    yield info.tobuf(tarfile.PAX_FORMAT)
    file = io.BytesIO(content)
    while chunk := file.read(1 << 20):
        yield chunk
    yield bytes(-len(content) % tarfile.BLOCKSIZE)
