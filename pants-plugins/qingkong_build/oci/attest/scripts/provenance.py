"""Where an image comes from: an in-toto statement with SLSA provenance v1."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bill_of_materials import Source
from image_contents import python_version
from image_view import ImageView
from packageurl import PackageURL
from statements import PROVENANCE, about

BUILD_TYPE = "urn:qingkong:pants-oci-image:v1"
_BASE_NAME = "org.opencontainers.image.base.name"
_BASE_DIGEST = "org.opencontainers.image.base.digest"
# What `native_wheel` leaves in a wheel that it builds.
_RECORD = "native_wheel.json"


@dataclass(frozen=True)
class Build:
    """What the build knows and the image does not.

    Attributes:
        target: the address that was packaged.
        builder: URI of who runs builds.
        versions: of the tools, by name.
        files: sha256 of the lockfiles, by path.
        sources: `dirHash` of everything of the repository that the image is made of.
    """

    target: str
    builder: str
    versions: Mapping[str, str]
    files: Mapping[str, str]
    sources: str


def statement(image: ImageView, sources: Mapping[str, Source], build: Build) -> bytes:
    """The statement, the same bytes for the same image and build."""
    records = dict(_native_wheels(image))
    versions = {**build.versions, "image-python": python_version(image)}
    for project, record in records.items():
        versions[f"{project}-compiler"] = record["compiler"]
        versions[f"{project}-python"] = record["python"]
        for name, version in record["build_requirements"].items():
            versions[f"{project}-{name}"] = version
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"target": build.target, "platform": image.platform},
            "internalParameters": {
                "nativeWheels": {
                    project: {
                        key: record[key]
                        for key in ("compile_args", "link_args", "define_macros", "env_vars")
                    }
                    for project, record in records.items()
                }
            },
            "resolvedDependencies": [
                *_base(image),
                *(
                    {"uri": f"file:{path}", "digest": {"sha256": sha256}}
                    for path, sha256 in sorted(build.files.items())
                ),
                {"name": "sources", "uri": "file:.", "digest": {"dirHash": build.sources}},
                *_distributions(sources, records),
            ],
        },
        "runDetails": {"builder": {"id": build.builder, "version": versions}},
    }
    document = about(image.manifest.digest, image.manifest.names, PROVENANCE, predicate)
    return f"{json.dumps(document, indent=1, sort_keys=True)}\n".encode()


def _base(image: ImageView) -> Iterator[dict[str, Any]]:
    annotations = image.manifest.manifest.get("annotations") or {}
    digest = annotations.get(_BASE_DIGEST, "")
    if digest:
        yield {
            "name": "base image",
            "uri": f"oci:{annotations.get(_BASE_NAME, 'base')}",
            "digest": {"sha256": digest.removeprefix("sha256:")},
        }
    # By what they unpack to, which is the same whoever compressed them.
    identifiers = image.manifest.config["rootfs"]["diff_ids"]
    for layer, identifier in zip(image.layers, identifiers, strict=True):
        if not layer.added:
            yield {"name": "base layer", "digest": {"sha256": identifier.removeprefix("sha256:")}}


def _distributions(
    sources: Mapping[str, Source], records: Mapping[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    for name, source in sources.items():
        record = records.get(name)
        yield {
            "name": f"{name}, source distribution" if record else source.artifact.name,
            "uri": str(PackageURL("pypi", name=name, version=source.locked.version)),
            "digest": {"sha256": record["sdist_sha256"] if record else source.artifact.sha256},
        }


def _native_wheels(image: ImageView) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, entry in sorted(image.files.items()):
        if posixpath.basename(path) == _RECORD and path.count(".dist-info/") == 1:
            record = json.loads(entry.read())
            yield record["project"], record
