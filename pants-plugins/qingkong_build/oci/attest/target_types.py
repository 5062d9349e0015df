"""The fields of `image_attestations`."""

from __future__ import annotations

from pants.core.goals.package import OutputPathField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    IntField,
    StringSequenceField,
    Target,
    ValidNumbers,
)
from pants.util.strutil import help_text

from qingkong_build.oci.layout.rules import ImageField, MoreTargetsField
from qingkong_build.python_lock.lockfile_dependencies import ShippedResolvesMixin


class AttestedImageField(ImageField):
    pass


class AttestedResolvesField(ShippedResolvesMixin, StringSequenceField):
    alias = "resolves"
    help = help_text(
        "The resolves whose lockfiles say what is in the image. Default: "
        "`[production-closure].resolves`."
    )


class AttestedWheelsField(MoreTargetsField):
    alias = "wheels"
    default = ()
    help = help_text(
        "The targets that build wheels which are in the image and in no lockfile, e.g. "
        "`3rdparty/asyncmy:wheel`."
    )


class AttestedBaseLayersField(IntField):
    alias = "base_layers"
    valid_numbers = ValidNumbers.positive_and_zero
    help = help_text(
        """
        How many layers are those of the base image, for images whose manifest does not say so by
        the annotation `io.qingkong.image.base-layers`.
        """
    )


class ImageAttestationsTarget(Target):
    alias = "image_attestations"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OutputPathField,
        Dependencies,
        AttestedImageField,
        AttestedResolvesField,
        AttestedWheelsField,
        AttestedBaseLayersField,
    )
    help = help_text(
        """
        A CycloneDX bill of materials and an SLSA provenance statement of an image, as files and,
        in `oci/`, as referrers in the image's OCI layout. The bill is made from the lockfiles and
        is an error where the image holds anything else.

        `pants run` of it with `-- sign --command "..."` signs the image and both documents, with
        `-- verify --key cosign.pub` verifies them.
        """
    )
