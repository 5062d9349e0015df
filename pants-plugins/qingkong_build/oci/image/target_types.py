"""The `oci_image` target, and the field that brings one into an engine by a `docker_image`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pants.core.goals.package import OutputPathField
from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from qingkong_build.oci.image.documents import GZIP, ZSTD
from qingkong_build.oci.image.setting_fields import SETTING_FIELDS
from qingkong_build.oci.layers.base_field import BaseField
from qingkong_build.oci.layers.pex_fields import PEX_FIELDS
from qingkong_build.oci.layout.field_error import invalid

# As engines and registries read a name: the host alone may have capital letters.
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_NAME = re.compile(f"(?:{_HOST}/)?{_PART}(?:/{_PART})*:{_TAG}")


class LayersField(AsyncFieldMixin, StringSequenceField):
    alias = "layers"
    default = ()
    value: tuple[str, ...]
    help = help_text(
        """
        The addresses of the image's layers, the lowest first: targets of which `pants package`
        makes one `.tar`, `.tar.gz` or `.tgz` file, unpacked at `/`. What changes rarely comes
        first, so that what changes often is little to push.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Iterable[str] | None, address: Address
    ) -> tuple[str, ...] | None:
        value = super().compute_value(raw_value, address)
        once(cls.alias, address, value or ())
        return value


class RepoTagsField(StringSequenceField):
    alias = "repo_tags"
    default = ()
    value: tuple[str, ...]
    help = help_text(
        """
        The image's names, each `repository:tag`: what `docker load` and a `docker_image` give it,
        and the annotations of the layout's index.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Iterable[str] | None, address: Address
    ) -> tuple[str, ...] | None:
        value = super().compute_value(raw_value, address)
        for name in value or ():
            if not _NAME.fullmatch(name):
                raise invalid(
                    *(cls.alias, address, name, "it is no name with a tag"),
                    "write repository:tag in lower case, e.g. my-app:1.0",
                )
        return value


class ArchiveField(StringField):
    alias = "archive"
    default = "tar"
    valid_choices = ("tar", "none")
    help = help_text(
        """
        Whether there is an archive of the layout beside it, for `docker load`, `podman load` and
        `skopeo`: `tar` or `none`.
        """
    )


class CompressionField(StringField):
    alias = "compression"
    default = GZIP
    valid_choices = (GZIP, ZSTD)
    value: str
    help = help_text(
        """
        How the image's own layers are compressed: `gzip` (level 6), which everything reads, or
        `zstd` (level 9), which is smaller and is unpacked faster, but which old engines, such as
        Docker 20.10, cannot pull. The image ID is the same with both, the digest of the manifest is
        not.

        Layers of the base stay as they are, and those of another `oci_image` below this one are as
        that one says. The archive has gzip in place of zstd for all of these but the base's, as
        some engines load nothing else. An engine is sent uncompressed layers by a `docker_image`.

        `zstd` needs `[image-zstd]`.
        """
    )


class RepositoriesField(StringSequenceField):
    alias = "repositories"
    default = ()
    help = help_text(
        """
        Where `pants publish` pushes the image: each `host[:port]/repository:tag`. Only blobs
        that the registry lacks are sent. Credentials are those of `docker login`.
        """
    )


class PlatformsField(StringSequenceField):
    alias = "platforms"
    valid_choices = ("linux/amd64", "linux/arm64")
    help = help_text(
        """
        The platforms that the image is for. With more than one, each name of the image is that of
        an index, and each platform has an image of its own: the base's, with the layers made for
        it. The archive's `manifest.json`, for engines that know no index, has the first.

        By default there is one image, without an index, for `linux/amd64`, with each layer as its
        own target says.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Iterable[str] | None, address: Address
    ) -> tuple[str, ...] | None:
        value = super().compute_value(raw_value, address)
        once(cls.alias, address, value or ())
        return value

    @property
    def architectures(self) -> tuple[str, ...]:
        """As OCI names them."""
        return tuple(platform.partition("/")[2] for platform in self.value or ())


def once(field: str, address: Address, values: Iterable[str]) -> None:
    """Raises `InvalidFieldException` where a value is there twice."""
    seen = set()
    for value in values:
        if value in seen:
            raise invalid(field, address, value, "it is there twice", "remove one")
        seen.add(value)


class OciImageTarget(Target):
    alias = "oci_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        OutputPathField,
        BaseField,
        LayersField,
        *PEX_FIELDS,
        RepoTagsField,
        PlatformsField,
        CompressionField,
        ArchiveField,
        RepositoriesField,
        *SETTING_FIELDS,
    )
    help = help_text(
        """
        An image as an OCI layout and as one archive, assembled without a container engine.

        `pants package` writes the layout to a directory named after the target (`deploy/oci`), and
        the archive beside it (`deploy/oci.tar`). The same sources make the same image id on every
        machine. `docker_image(image=":oci")` brings the same image into an engine.
        """
    )


class DockerImageImageField(AsyncFieldMixin, StringField):
    alias = "image"
    help = help_text(
        """
        The `oci_image` that `pants package` brings into the container engine, as it is: no
        Dockerfile is read, and only layers that the engine lacks are sent.

        It gets the names of its `repo_tags`, or those of this target's `repository`, `image_tags`
        and `registries` where one of them is set.
        """
    )
