"""`pants package` of an `oci_image`: a layout and an archive, assembled without an engine.

Pants knows each file by its sha256, as an image layout does. So a layout is put together of digests
that Pants has already, and nothing is read or copied for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    OutputPathField,
    PackageFieldSet,
)
from pants.engine.addresses import Address, AddressInput
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    FileContent,
    FileDigest,
    FileEntry,
    MergeDigests,
)
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import InvalidFieldException
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from oci_image.base import Base, BaseRequest
from oci_image.documents import (
    LAYER_TYPE,
    REF_NAME,
    Blob,
    Document,
    docker_manifest,
    image_config,
    index,
    manifest,
)
from oci_image.layer_files import ConvertedLayer, ConvertedLayerRequest
from oci_image.plan import ImagePlan, ImagePlanRequest
from oci_image.python_script import ScriptRequest
from oci_image.subsystem import ImageAssembly
from oci_image.target_types import OciImageArchiveField, OciImageSourceField

_VERSION = b'{"imageLayoutVersion":"1.0.0"}'


@dataclass(frozen=True)
class OciImageFieldSet(PackageFieldSet):
    required_fields = (OciImageSourceField,)

    image: OciImageSourceField
    archive: OciImageArchiveField
    output_path: OutputPathField


@dataclass(frozen=True)
class OciLayoutRequest:
    """The layout of the image of a `docker_image` target."""

    address: Address
    architecture: str


@dataclass(frozen=True)
class OciLayout:
    """`files` and `base` together are the layout; `base` has the blobs of the base's layers."""

    names: tuple[str, ...]
    config: Document
    manifest: Document
    layers: tuple[Blob, ...]
    files: Digest
    base: Digest


@rule(desc="Assemble an OCI image layout")
async def assemble_layout(request: OciLayoutRequest, options: ImageAssembly) -> OciLayout:
    plan = await Get(ImagePlan, ImagePlanRequest(request.address))
    if plan.recipe is None:
        raise InvalidFieldException(
            f"The image of target {request.address} cannot be assembled without a container "
            f"engine: {plan.reason}. Make what it needs a layer, or package {request.address} "
            "itself."
        )
    base, *packed = await MultiGet(
        Get(Base, BaseRequest(options.base or plan.recipe.base, request.architecture)),
        *(
            Get(ConvertedLayer, ConvertedLayerRequest("compress", file, os.path.basename(path)))
            for path, file in plan.layers.items()
        ),
    )
    files: dict[str, FileDigest] = {path: layer.file for path, layer in zip(plan.layers, packed)}
    ours = [
        Blob(files[path].fingerprint, files[path].serialized_bytes_length, f"{LAYER_TYPE}+gzip")
        for path in plan.recipe.layers
    ]
    config = image_config(base.config, plan.recipe, plan.diff_ids, plan.labels, options.created)
    layers = (*base.layers, *ours)
    image = manifest(config.blob, base.layers, ours)
    platform = {"architecture": base.config.architecture, "os": base.config.os}
    if base.config.variant:
        platform["variant"] = base.config.variant
    top = index(
        [
            image.blob.descriptor(platform=platform, annotations={REF_NAME: name})
            for name in plan.names
        ]
    )
    digest = await Get(
        Digest,
        CreateDigest(
            [
                FileContent("oci-layout", _VERSION),
                FileContent("index.json", top.content),
                FileContent(config.blob.path, config.content),
                FileContent(image.blob.path, image.content),
                *{
                    blob.path: FileEntry(blob.path, FileDigest(blob.digest, blob.size))
                    for blob in ours
                }.values(),
            ]
        ),
    )
    return OciLayout(plan.names, config, image, layers, digest, base.digest)


@dataclass(frozen=True)
class ArchiveRequest:
    layout: OciLayout
    path: str


@dataclass(frozen=True)
class Archive:
    digest: Digest


@rule(desc="Pack an OCI image archive")
async def pack_archive(request: ArchiveRequest) -> Archive:
    layout = request.layout
    paths = dict.fromkeys(
        (layout.config.blob.path, layout.manifest.blob.path, *(blob.path for blob in layout.layers))
    )
    docker = docker_manifest(
        layout.config.blob.path, layout.names, [blob.path for blob in layout.layers]
    )
    # The base's blobs are large and stay the same: they are linked and not copied.
    listing = "\n".join(("oci-layout", "index.json", "manifest.json", *paths))
    inputs = await Get(
        Digest,
        MergeDigests(
            [
                layout.files,
                await Get(
                    Digest,
                    CreateDigest(
                        [
                            FileContent("manifest.json", docker),
                            FileContent("list", listing.encode()),
                        ]
                    ),
                ),
            ]
        ),
    )
    result = await Get(
        ProcessResult,
        Process,
        await Get(
            Process,
            ScriptRequest(
                "write_archive",
                ("list", request.path, "base"),
                f"Pack {request.path}",
                digest=inputs,
                shared=FrozenDict({"base": layout.base}),
                output_files=(request.path,),
            ),
        ),
    )
    return Archive(result.output_digest)


@rule(desc="Package an OCI image")
async def package_oci_image(field_set: OciImageFieldSet) -> BuiltPackage:
    address = await Get(
        Address,
        AddressInput,
        AddressInput.parse(
            field_set.image.value,
            relative_to=field_set.address.spec_path,
            description_of_origin=f"the 'image' field of target {field_set.address}",
        ),
    )
    layout = await Get(OciLayout, OciLayoutRequest(address, "amd64"))
    folder = field_set.output_path.value_or_default(file_ending=None)
    whole = await Get(Digest, MergeDigests([layout.files, layout.base]))
    digests = [await Get(Digest, AddPrefix(whole, folder))]
    artifacts = [
        BuiltPackageArtifact(
            folder,
            (
                f"Manifest: sha256:{layout.manifest.blob.digest}",
                f"Image ID: sha256:{layout.config.blob.digest}",
            ),
        )
    ]
    if field_set.archive.value == "tar":
        path = f"{folder}.tar"
        archive = await Get(Archive, ArchiveRequest(layout, path))
        digests.append(archive.digest)
        artifacts.append(BuiltPackageArtifact(path))
    return BuiltPackage(await Get(Digest, MergeDigests(digests)), tuple(artifacts))


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PackageFieldSet, OciImageFieldSet))
