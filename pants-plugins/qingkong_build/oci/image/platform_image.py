"""The image of one platform: its configuration, its manifest and its layers, as blobs.

Pants knows each file by its sha256, as an image layout does. So an image is put together of digests
that Pants has already, and nothing is read or copied for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, Digest, FileContent, FileDigest, FileEntry
from pants.engine.rules import Get, MultiGet, collect_rules, rule

from qingkong_build.oci.image.base import Base, BaseRequest
from qingkong_build.oci.image.documents import PACKED_LAYER_TYPES, Blob, Document, manifest
from qingkong_build.oci.image.layer_files import ConvertedLayer, ConvertedLayerRequest
from qingkong_build.oci.image.plan import (
    BaseReference,
    BaseReferenceRequest,
    ImagePlan,
    ImagePlanRequest,
)
from qingkong_build.oci.image.restated_layers import (
    BaseTreeRequest,
    RestatedPlans,
    RestatedPlansRequest,
    TreeDocument,
)
from qingkong_build.oci.image.subsystem import ImageAssembly

#: What a layout without a choice is for: the platform that the layers have by default.
DEFAULT_ARCHITECTURE = "amd64"


@dataclass(frozen=True)
class PlatformImageRequest:
    """The image of an `oci_image` target for Linux on `architecture`.

    None is what its layers say they are for.

    Attributes:
        compression: of all layers above the base; None is what each image of the repository says.
    """

    address: Address
    architecture: str | None
    compression: str | None = None


@dataclass(frozen=True)
class PlatformImage:
    """`files` has all blobs but the base's layers, which are in `base`."""

    names: tuple[str, ...]
    config: Document
    manifest: Document
    layers: tuple[Blob, ...]
    architecture: str
    variant: str
    files: Digest
    base: Digest

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return (self.config.blob, self.manifest.blob, *self.layers)

    def descriptor(self, **more: Any) -> dict[str, Any]:
        """What an index says of it."""
        platform = {"architecture": self.architecture, "os": "linux"}
        if self.variant:
            platform["variant"] = self.variant
        return self.manifest.blob.descriptor(platform=platform, **more)


@rule(desc="Assemble an image for one platform")
async def assemble_image(request: PlatformImageRequest, options: ImageAssembly) -> PlatformImage:
    architecture = request.architecture or DEFAULT_ARCHITECTURE
    below = await Get(BaseReference, BaseReferenceRequest(request.address))
    # At once: the layers may take long to make, and the base is fetched meanwhile.
    plan, base = await MultiGet(
        Get(ImagePlan, ImagePlanRequest(request.address, request.architecture)),
        Get(Base, BaseRequest(options.base or below.reference, architecture)),
    )
    tree = await Get(TreeDocument, BaseTreeRequest(base))
    restated = await Get(RestatedPlans, RestatedPlansRequest(plan, tree))
    wanted = [
        ConvertedLayerRequest(request.compression or each.compression, file, os.path.basename(path))
        for each in restated.plans
        for path, file in each.layers.items()
    ]
    packed = await MultiGet(Get(ConvertedLayer, ConvertedLayerRequest, each) for each in wanted)
    ours = [
        Blob(x.file.fingerprint, x.file.serialized_bytes_length, PACKED_LAYER_TYPES[each.mode])
        for each, x in zip(wanted, packed)
    ]
    config = restated.config(base.config, options.created)
    image = manifest(config.blob, base.layers, ours, plan.annotations)
    digest = await Get(
        Digest,
        CreateDigest(
            [
                FileContent(config.blob.path, config.content),
                FileContent(image.blob.path, image.content),
                *{
                    blob.path: FileEntry(blob.path, FileDigest(blob.digest, blob.size))
                    for blob in ours
                }.values(),
            ]
        ),
    )
    return PlatformImage(
        plan.names,
        config,
        image,
        (*base.layers, *ours),
        base.config.architecture,
        base.config.variant,
        digest,
        base.digest,
    )


def rules() -> Iterable[object]:
    return collect_rules()
