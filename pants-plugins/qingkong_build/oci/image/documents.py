"""The documents of an OCI image: configuration, manifest, index, and Docker's list beside them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qingkong_build.oci.image.settings import ImageSettings, configured

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
#: By the values of the field `compression`.
GZIP, ZSTD = "gzip", "zstd"
PACKED_LAYER_TYPES = {GZIP: f"{LAYER_TYPE}+gzip", ZSTD: f"{LAYER_TYPE}+zstd"}
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
# Read by `layout/scripts/image_view.py`.
BASE_LAYERS = "io.qingkong.image.base-layers"
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True)
class Blob:
    """Something that a manifest names. `digest` is sha256 in hexadecimal, `size` bytes."""

    digest: str
    size: int
    media_type: str

    @property
    def path(self) -> str:
        """Where an image layout has it."""
        return f"blobs/sha256/{self.digest}"

    def descriptor(self, **more: Any) -> dict[str, Any]:
        return {
            "mediaType": self.media_type,
            "digest": f"sha256:{self.digest}",
            "size": self.size,
            **more,
        }


@dataclass(frozen=True)
class Document:
    """A document of our own, and the blob that it is."""

    blob: Blob
    content: bytes


class BaseConfigError(Exception):
    """A value in the configuration of a base, and what to do about it."""

    def __init__(self, where: str, field: str, value: object, why: str) -> None:
        super().__init__(
            f"reading the configuration of the base {where}: {field}={value!r}: {why}. Fix: use "
            "another base, or correct the configuration of this one."
        )


@dataclass(frozen=True)
class BaseConfig:
    """What of the base is in every image made from it.

    `config` is its `config` object as JSON. Nothing here depends on whether the base came from an
    engine, a registry or an archive: the same base makes the same image.
    """

    architecture: str
    os: str
    variant: str
    created: str
    config: str
    # sha256 in hexadecimal of each uncompressed layer, lowest first.
    diff_ids: tuple[str, ...]
    # What the history says of each of them, where it is an image of this repository.
    created_by: tuple[str, ...] = ()

    @classmethod
    def of_parent(cls, config: Document, where: str) -> BaseConfig:
        """From what `image_config` made for the image at `where`, which another is on top of."""
        raw = json.loads(config.content)
        names = tuple(step["created_by"] for step in raw["history"])
        return replace(cls.from_json(raw, where), created_by=names)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], where: str) -> BaseConfig:
        """From an image's configuration as it is stored.

        Args:
            raw: the document.
            where: what to call the base in errors.

        Raises:
            BaseConfigError: a value of it is not what the specification says.
        """
        settings = raw.get("config") or {}
        _check_document(raw, settings, where)
        _check_settings(settings, where)
        return cls(
            architecture=raw["architecture"],
            os=raw["os"],
            variant=raw.get("variant") or "",
            created=raw.get("created") or "",
            config=canonical(settings).decode(),
            diff_ids=tuple(digest[len("sha256:") :] for digest in raw["rootfs"]["diff_ids"]),
        )


_TEXTS = ("architecture", "os", "variant", "created")
_TEXT_SETTINGS = ("User", "WorkingDir", "StopSignal")


def _check_document(raw: Mapping[str, Any], settings: object, where: str) -> None:
    for name in _TEXTS:
        if not isinstance(raw.get(name), (str, type(None))):
            raise BaseConfigError(where, name, raw.get(name), "it has to be a text")
    for name in ("architecture", "os"):
        if not raw.get(name):
            raise BaseConfigError(where, name, raw.get(name), "there has to be one")
    rootfs = raw.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(map(_is_digest, diff_ids)):
        raise BaseConfigError(where, "rootfs.diff_ids", diff_ids, "it has to be digests")
    if not isinstance(settings, dict):
        raise BaseConfigError(where, "config", settings, "it has to be an object")
    if settings.get("OnBuild"):
        why = "it asks for commands in images made from it, and none is run here"
        raise BaseConfigError(where, "config.OnBuild", settings["OnBuild"], why)


def _check_settings(settings: Mapping[str, Any], where: str) -> None:
    for name in _TEXT_SETTINGS:
        value = settings.get(name)
        if not isinstance(value, (str, type(None))):
            raise BaseConfigError(where, f"config.{name}", value, "it has to be a text")
    for name in ("Entrypoint", "Cmd", "Shell", "Env"):
        value = settings.get(name) or []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise BaseConfigError(where, f"config.{name}", value, "it has to be texts")
    for name in ("ExposedPorts", "Labels", "Volumes"):
        value = settings.get(name) or {}
        if not isinstance(value, dict):
            raise BaseConfigError(where, f"config.{name}", value, "it has to be an object")
    for entry in settings.get("Env") or []:
        if "=" not in entry or entry.startswith("="):
            raise BaseConfigError(where, "config.Env", entry, "it has to be NAME=VALUE")


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"sha256:[0-9a-f]{64}", value))


def canonical(document: Any) -> bytes:
    """JSON, the same bytes for the same content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def document(content: Any, media_type: str) -> Document:
    data = canonical(content)
    return Document(Blob(hashlib.sha256(data).hexdigest(), len(data), media_type), data)


def image_config(
    base: BaseConfig,
    settings: ImageSettings,
    diff_ids: Mapping[str, str],
    created: str | None = None,
) -> Document:
    """The image's configuration; its digest is the image id.

    Args:
        base: the base's.
        settings: what the image sets.
        diff_ids: for each of its layers by path, the sha256 of the uncompressed tar, lowest first.
        created: RFC 3339; by default that of the base. Never the clock's time.

    Raises:
        SettingsError: a setting does not fit the base.
    """
    moment = created or base.created
    below = base.created_by or ("base",) * len(base.diff_ids)
    history = [{"created": base.created, "created_by": name} for name in below]
    history += [{"created": moment, "created_by": f"layer {path}"} for path in diff_ids]
    layers = [*base.diff_ids, *diff_ids.values()]
    content: dict[str, Any] = {
        "architecture": base.architecture,
        "os": base.os,
        "config": configured(json.loads(base.config), settings),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in layers]},
        "history": history,
    }
    if base.variant:
        content["variant"] = base.variant
    if moment:
        content["created"] = moment
    return document(content, CONFIG_TYPE)


def manifest(
    config: Blob,
    base: Sequence[Blob],
    ours: Sequence[Blob],
    annotations: Mapping[str, str] | None = None,
) -> Document:
    """The manifest of one platform's image, with these annotations.

    It says how many layers are those of the base: `image_policy` and `image_attestations` judge
    and describe the others as ours.
    """
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.descriptor(),
        "layers": [layer.descriptor() for layer in (*base, *ours)],
        "annotations": {**(annotations or {}), BASE_LAYERS: str(len(base))},
    }
    return document(content, MANIFEST_TYPE)


def index(manifests: Sequence[Mapping[str, Any]]) -> Document:
    """An index of these descriptors."""
    return document(
        {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": list(manifests)}, INDEX_TYPE
    )


def docker_manifest(config: str, names: Sequence[str], layers: Sequence[str]) -> bytes:
    """`manifest.json` of an archive for `docker load`: paths of the configuration and layers."""
    return canonical([{"Config": config, "RepoTags": list(names), "Layers": list(layers)}])
