"""What an engine answers about itself and about its images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The newest API that the `docker` package speaks.
CLIENT_API_VERSION = "1.44"


@dataclass(frozen=True)
class EngineProduct:
    """What answers: `Docker 28.2.2`, `Podman 4.3.1`."""

    name: str
    version: str
    api_version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def takes_partial_archives(self) -> bool:
        """May an archive leave out the layers that the engine has?"""
        return self.name != "Podman"


@dataclass(frozen=True)
class EngineImage:
    """An image of an engine.

    Attributes:
        id: the sha256 of its config, in hexadecimal.
        names: `repository:tag` as the engine writes them.
        size: bytes of its layers, about.
        config: what the engine reports of its config, as JSON of the OCI specification's form.
        diff_ids: of its layers, in hexadecimal, lowest first.
    """

    id: str
    names: tuple[str, ...]
    size: int
    config: str
    diff_ids: tuple[str, ...]

    def has_name(self, name: str) -> bool:
        """Is this one of its names? Podman and Docker write the same name differently."""
        prefixes = ("", "localhost/", "docker.io/library/", "docker.io/")
        return any(prefix + name in self.names for prefix in prefixes)


def read_product(raw: Mapping[str, Any]) -> EngineProduct:
    components = {each["Name"]: each for each in raw.get("Components") or ()}
    podman = components.get("Podman Engine")
    return EngineProduct(
        "Podman" if podman else "Docker",
        str((podman or raw)["Version"]),
        min(str(raw["ApiVersion"]), CLIENT_API_VERSION, key=_version_key),
    )


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def read_image(raw: Mapping[str, Any]) -> EngineImage:
    layers = raw["RootFS"].get("Layers") or []
    config = {
        "architecture": raw["Architecture"],
        "os": raw["Os"],
        "variant": raw.get("Variant"),
        "created": raw.get("Created"),
        "config": raw.get("Config"),
        "rootfs": {"diff_ids": layers},
    }
    return EngineImage(
        raw["Id"][len("sha256:") :],
        tuple(raw.get("RepoTags") or ()),
        int(raw.get("Size") or 0),
        json.dumps(config, sort_keys=True),
        tuple(layer[len("sha256:") :] for layer in layers),
    )
