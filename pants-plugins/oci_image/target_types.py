"""The `oci_image` target."""

from __future__ import annotations

from pants.core.goals.package import OutputPathField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text


class OciImageSourceField(AsyncFieldMixin, StringField):
    alias = "image"
    required = True
    value: str
    help = help_text(
        """
        The `docker_image` target whose image this is: its Dockerfile, layers, names and labels.
        The Dockerfile may only assemble: `ADD <layer>.tar /` and configuration.
        """
    )


class OciImageArchiveField(StringField):
    alias = "archive"
    default = "tar"
    valid_choices = ("tar", "none")
    help = help_text(
        """
        Whether there is an archive of the layout beside it, for `docker load`, `podman load` and
        `skopeo`: `tar` or `none`.
        """
    )


class OciImageRepositoriesField(StringSequenceField):
    alias = "repositories"
    default = ()
    help = help_text(
        """
        Where `pants publish` pushes the image: each `host[:port]/repository:tag`. Only blobs that
        are not there are sent. Credentials are those of `docker login`.
        """
    )


class OciImageTarget(Target):
    alias = "oci_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OutputPathField,
        OciImageSourceField,
        OciImageArchiveField,
        OciImageRepositoriesField,
    )
    help = help_text(
        """
        An image as an OCI layout and as one archive, assembled without a container engine.

        `pants package` writes the layout to a directory named after the target (`deploy/oci`), and
        the archive beside it (`deploy/oci.tar`). The image is the one that `pants package` of the
        `docker_image` target makes: the same layers, the same configuration, the same id.
        """
    )
