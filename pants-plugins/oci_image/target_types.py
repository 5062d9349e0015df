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


class OciImageArchitecturesField(StringSequenceField):
    alias = "architectures"
    valid_choices = ("amd64", "arm64")
    help = help_text(
        """
        The processors that the image is for, as OCI names them. With more than one, each name of
        the image is that of an index, and each platform has an image of its own: the base's, with
        the layers made for it. The archive's `manifest.json`, for engines that know no index, has
        the first.

        By default there is one image, without an index, for `amd64`, with each layer as its own
        target says.
        """
    )


class OciImageTarget(Target):
    alias = "oci_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OutputPathField,
        OciImageSourceField,
        OciImageArchitecturesField,
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
