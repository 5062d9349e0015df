"""The fields of the layer targets.

Each target makes one tar, the bytes of one image layer, in ordinary cached processes. An
`oci_image` puts them together.
"""

from __future__ import annotations

import re

from pants.backend.python.target_types import InterpreterConstraintsField
from pants.core.goals.package import OutputPathField
from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    DictStringToStringField,
    InvalidFieldException,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from qingkong_build.oci.layers.leave_out import RULES
from qingkong_build.python_lock.lockfile_dependencies import ResolvesMixin
from qingkong_build.python_lock.target_platform import DEFAULT_PLATFORM, MACHINES


class LayerPathField(StringField):
    alias = "path"
    required = True
    value: str
    help = help_text("The absolute directory of the image under which the files are put.")

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        value = super().compute_value(raw_value, address)
        if value is not None and (not value.startswith("/") or ".." in value.split("/")):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} must be an absolute path without "
                f"'..', but was {value!r}. Write e.g. '/app'."
            )
        return value


class LayerExcludeField(StringSequenceField):
    alias = "exclude"
    default = ()
    help = help_text(
        """
        Glob patterns of files to leave out, relative to `path`; `*` matches `/` too.
        `__pycache__` directories and `.pyc` files are always left out, but see `bytecode`.
        """
    )


NO_BYTECODE = "none"


class LayerBytecodeField(StringField):
    alias = "bytecode"
    default = NO_BYTECODE
    valid_choices = (NO_BYTECODE, "unchecked-hash")
    value: str
    help = help_text(
        """
        `unchecked-hash` compiles each Python file of the layer, so that no start of a container
        has to. The files are those of PEP 552 that the interpreter takes without a look at the
        source: the same bytes for the same source, right for an image whose files no one edits.
        For all layers of a BUILD file:
        `__defaults__({(requirements_layer, sources_layer, wheels_layer):
        dict(bytecode="unchecked-hash")})`.
        """
    )


class LayerPlatformField(StringField):
    alias = "platform"
    default = DEFAULT_PLATFORM
    valid_choices = tuple(MACHINES)
    value: str
    help = help_text(
        """
        The image's platform, whatever the machine that builds. Wheels have to be for it, and
        nothing of them is run. An `oci_image` with `platforms` asks for others.
        """
    )


class LayerGlibcField(StringField):
    alias = "glibc"
    default = "2.36"
    value: str
    help = help_text(
        """
        The version of glibc in the image's base: 2.36 is that of Debian 12. Wheels for a later
        one are not chosen. Alpine's musl is not supported.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        value = super().compute_value(raw_value, address)
        if value is None or not re.fullmatch(r"2\.[0-9]{1,3}", value):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} must be a version of glibc, but was "
                f"{value!r}. Write e.g. '2.36'; `ldd --version` in the base says which it is."
            )
        return value

    @property
    def version(self) -> tuple[int, int]:
        major, minor = self.value.split(".")
        return int(major), int(minor)


class LayerOutputPathField(OutputPathField):
    """What marks a target as a layer."""


class LayerDependenciesField(Dependencies):
    pass


class RequirementsLayerResolveField(ResolvesMixin, StringField):
    alias = "resolve"
    required = True
    value: str
    help = help_text("The resolve whose lockfile is installed, e.g. `prod`.")


class RequirementsLayerDistributionsField(StringSequenceField):
    alias = "distributions"
    help = help_text(
        """
        The distributions that this layer has, if the lockfile is split over several layers:
        those that change together, or never. All `requirements_layer` targets of a directory
        with the same `resolve`, `platform` and `path` share the lockfile out: each distribution
        must be in exactly one of them. The one without this field takes what is left.
        """
    )


class RequirementsLayerLeaveOutField(StringSequenceField):
    alias = "leave_out"
    default = tuple(RULES)
    valid_choices = tuple(RULES)
    help = help_text(
        "What is not needed at run time and left out, as names of rules:\n\n"
        + "\n\n".join(f"- `{name}`: {rule.reason}." for name, rule in RULES.items())
        + "\n\nMore, of your own, goes into `exclude`. RECORD lists what is there."
    )


class RequirementsLayerForbidField(StringSequenceField):
    alias = "forbid"
    default = ()
    help = help_text(
        """
        Distributions that must not come from this lockfile, because a wheel that is built
        here takes their place. Finding one is an error: with the same version in both
        places, the index's wheel could win silently.
        """
    )


class WheelsLayerDependenciesField(LayerDependenciesField):
    required = True
    help = help_text(
        """
        The `native_wheel` or `python_distribution` targets to install. Those for other platforms
        than `platform` are in `other_platforms`.
        """
    )


class WheelsLayerOtherPlatformsField(SpecialCasedDependencies):
    alias = "other_platforms"
    help = help_text(
        """
        `native_wheel` targets with a `platform`, for images of an `oci_image` with
        `platforms`: each takes the place of the wheel of the same project in `dependencies`.
        They are built for such an image and at no other time, so that no one else needs a
        compiler for them.
        """
    )


class SourcesLayerDependenciesField(LayerDependenciesField):
    required = True
    help = help_text(
        """
        The first-party targets to ship. Everything of ours that they depend on comes too, with
        source roots stripped; requirements do not, they have layers of their own. `files` have no
        place beside sources: use `resources`, or a `files_layer`.
        """
    )


class FilesLayerDependenciesField(LayerDependenciesField):
    required = True
    help = help_text(
        """
        The `file`, `files`, `relocated_files`, `resource` and `resources` targets whose files are
        packed, and those that they depend on. Resources go without their source root, and files
        with their path from the build root: `relocated_files` gives them another.
        """
    )


class FilesLayerOwnerField(StringField):
    alias = "owner"
    default = "0:0"
    value: str
    help = help_text("Who owns the files and the directories, as `UID:GID`.")

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        value = super().compute_value(raw_value, address)
        if value is None or not re.fullmatch(r"[0-9]{1,10}:[0-9]{1,10}", value):
            raise InvalidFieldException(
                f"packing {address}: {cls.alias}={value!r}: it has to be two numbers. Fix: write "
                "'UID:GID', e.g. '10001:10001'."
            )
        return value


class _ModeField(StringField):
    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        value = super().compute_value(raw_value, address)
        if value is not None and not re.fullmatch(r"[0-7]{3,4}", value):
            raise InvalidFieldException(
                f"packing {address}: {cls.alias}={value!r}: it has to be a mode in octal digits. "
                "Fix: write it as `chmod` takes it, e.g. '0640'."
            )
        return value


class FilesLayerFileModeField(_ModeField):
    alias = "file_mode"
    help = help_text(
        """
        The mode of all files, e.g. `0640`. By default it is 0755 for those that are executable in
        the repository, and 0644 for the others. A daemon that runs does not see that `chmod` alone
        changed a file.
        """
    )


class FilesLayerDirectoryModeField(_ModeField):
    alias = "directory_mode"
    help = help_text(
        """
        The mode of `path` and of all directories below it, e.g. `0750`, with the `owner`. By
        default no directory is declared: each is as another layer or the base has it, and
        root's with 0755 where none has it.
        """
    )


class FilesystemLayerDirectoriesField(DictStringToStringField):
    alias = "directories"
    help = help_text("Directories to create, as `{path: 'UID:GID MODE'}`, e.g. `'0:0 0755'`.")


class FilesystemLayerSymlinksField(DictStringToStringField):
    alias = "symlinks"
    help = help_text("Symbolic links to create, as `{path: target}`.")


class FilesystemLayerFilesField(DictStringToStringField):
    alias = "files"
    help = help_text("Small files to create, as `{path: content}`, root-owned and mode 0644.")


_LAYER_FIELDS = (*COMMON_TARGET_FIELDS, LayerOutputPathField)


class RequirementsLayerTarget(Target):
    alias = "requirements_layer"
    core_fields = (
        *_LAYER_FIELDS,
        InterpreterConstraintsField,
        RequirementsLayerResolveField,
        RequirementsLayerDistributionsField,
        LayerPlatformField,
        LayerGlibcField,
        RequirementsLayerForbidField,
        RequirementsLayerLeaveOutField,
        LayerPathField,
        LayerExcludeField,
        LayerBytecodeField,
    )
    help = help_text(
        "An image layer with the distributions of one lockfile, or a group of them, as a tar."
    )


class WheelsLayerTarget(Target):
    alias = "wheels_layer"
    core_fields = (
        *_LAYER_FIELDS,
        InterpreterConstraintsField,
        WheelsLayerDependenciesField,
        WheelsLayerOtherPlatformsField,
        LayerPlatformField,
        LayerGlibcField,
        LayerPathField,
        LayerExcludeField,
        LayerBytecodeField,
    )
    help = help_text("An image layer with wheels that are built in this repository, as a tar.")


class SourcesLayerTarget(Target):
    alias = "sources_layer"
    core_fields = (
        *_LAYER_FIELDS,
        SourcesLayerDependenciesField,
        LayerPathField,
        LayerExcludeField,
        LayerBytecodeField,
    )
    help = help_text("An image layer with first-party sources and resources, as a tar.")


class FilesLayerTarget(Target):
    alias = "files_layer"
    core_fields = (
        *_LAYER_FIELDS,
        FilesLayerDependenciesField,
        LayerPathField,
        LayerExcludeField,
        FilesLayerOwnerField,
        FilesLayerFileModeField,
        FilesLayerDirectoryModeField,
    )
    help = help_text("An image layer with a tree of data files, their owner and modes, as a tar.")


class FilesystemLayerTarget(Target):
    alias = "filesystem_layer"
    core_fields = (
        *_LAYER_FIELDS,
        FilesystemLayerDirectoriesField,
        FilesystemLayerSymlinksField,
        FilesystemLayerFilesField,
    )
    help = help_text("An image layer with directories, symbolic links and small files, as a tar.")
