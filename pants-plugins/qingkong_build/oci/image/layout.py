"""`pants package` of an `oci_image`: a layout and an archive, assembled without an engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    OutputPathField,
    PackageFieldSet,
)
from pants.engine.addresses import Address
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    FileContent,
    MergeDigests,
)
from pants.engine.process import ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from qingkong_build.oci.image.documents import GZIP, REF_NAME, Blob, docker_manifest, index
from qingkong_build.oci.image.platform_image import PlatformImage, PlatformImageRequest
from qingkong_build.oci.image.subsystem import ImageAssembly
from qingkong_build.oci.image.target_types import ArchiveField, LayersField, PlatformsField
from qingkong_build.oci.layers.base_field import BaseField
from qingkong_build.sandbox.rules import ScriptRequest
from qingkong_build.sandbox.script import Script

_PACK = Script("qingkong_build.oci.image", "write_archive")
_VERSION = b'{"imageLayoutVersion":"1.0.0"}'


@dataclass(frozen=True)
class OciImageFieldSet(PackageFieldSet):
    required_fields = (BaseField, LayersField)

    platforms: PlatformsField
    archive: ArchiveField
    output_path: OutputPathField


@dataclass(frozen=True)
class AssembledLayoutRequest:
    """The layout of an `oci_image` target; `architectures` are those of its `platforms`.

    `compression` is as in `PlatformImageRequest`.
    """

    address: Address
    architectures: tuple[str, ...]
    compression: str | None = None


@dataclass(frozen=True)
class AssembledLayout:
    """`files` and `base` together are the layout; `base` has the blobs of the bases' layers."""

    images: tuple[PlatformImage, ...]
    # What an image's name stands for.
    top: Blob
    files: Digest
    base: Digest


@rule(desc="Assemble an OCI image layout")
async def assemble_layout(request: AssembledLayoutRequest) -> AssembledLayout:
    images = await MultiGet(
        Get(
            PlatformImage,
            PlatformImageRequest(request.address, architecture, request.compression),
        )
        for architecture in request.architectures or (None,)
    )
    documents = [FileContent("oci-layout", _VERSION)]
    if len(images) == 1:
        (image,) = images
        top = image.manifest.blob
        described = image.descriptor()
    else:
        platforms = index([image.descriptor() for image in images])
        top = platforms.blob
        documents.append(FileContent(top.path, platforms.content))
        described = top.descriptor()
    # All have the same names: they are of one target.
    named = [{**described, "annotations": {REF_NAME: name}} for name in images[0].names]
    documents.append(FileContent("index.json", index(named or [described]).content))
    files, base = await MultiGet(
        Get(
            Digest,
            MergeDigests(
                [
                    await Get(Digest, CreateDigest(documents)),
                    *(image.files for image in images),
                ]
            ),
        ),
        Get(Digest, MergeDigests(image.base for image in images)),
    )
    return AssembledLayout(images, top, files, base)


def is_gzip(layout: AssembledLayout) -> bool:
    """Whether every engine can load its layers."""
    return all(x.media_type.endswith(GZIP) for image in layout.images for x in image.layers)


@dataclass(frozen=True)
class ArchiveRequest:
    layout: AssembledLayout
    path: str


@dataclass(frozen=True)
class Archive:
    digest: Digest


@rule(desc="Pack an OCI image archive")
async def pack_archive(request: ArchiveRequest, options: ImageAssembly) -> Archive:
    layout = request.layout
    blobs = [blob for image in layout.images for blob in image.blobs]
    paths = dict.fromkeys(blob.path for blob in (*blobs, layout.top))
    first = layout.images[0]
    docker = docker_manifest(
        first.config.blob.path, first.names, [blob.path for blob in first.layers]
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
        ScriptRequest(
            _PACK,
            ("list", request.path, "base"),
            f"Pack {request.path}",
            options.python,
            digest=inputs,
            shared=FrozenDict({"base": layout.base}),
            output_files=(request.path,),
        ),
    )
    return Archive(result.output_digest)


@rule(desc="Package an OCI image")
async def package_oci_image(field_set: OciImageFieldSet) -> BuiltPackage:
    chosen = field_set.platforms.architectures
    layout = await Get(AssembledLayout, AssembledLayoutRequest(field_set.address, chosen))
    folder = field_set.output_path.value_or_default(file_ending=None)
    whole = await Get(Digest, MergeDigests([layout.files, layout.base]))
    digests = [await Get(Digest, AddPrefix(whole, folder))]
    artifacts = [
        BuiltPackageArtifact(
            folder,
            (
                f"{'Manifest' if len(layout.images) == 1 else 'Index'}: sha256:{layout.top.digest}",
                *(
                    f"Image ID: sha256:{image.config.blob.digest}"
                    + (f" (linux/{image.architecture})" if chosen else "")
                    for image in layout.images
                ),
            ),
        )
    ]
    if field_set.archive.value == "tar":
        path = f"{folder}.tar"
        if not is_gzip(layout):
            layout = await Get(
                AssembledLayout, AssembledLayoutRequest(field_set.address, chosen, GZIP)
            )
        archive = await Get(Archive, ArchiveRequest(layout, path))
        digests.append(archive.digest)
        artifacts.append(BuiltPackageArtifact(path))
    return BuiltPackage(await Get(Digest, MergeDigests(digests)), tuple(artifacts))


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PackageFieldSet, OciImageFieldSet))
