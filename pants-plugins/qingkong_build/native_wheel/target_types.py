"""The fields of `native_wheel`, and nothing that acts on them."""

# `pants help` evaluates the types of `compute_value`, and CPython 3.9 has no `dict[...] | None`:
# ruff: noqa: UP006, UP035, UP045

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional, Tuple

from pants.backend.python.macros.python_artifact import PythonArtifact
from pants.backend.python.target_types import (
    GenerateSetupField,
    InterpreterConstraintsField,
    PythonDistributionOutputPathField,
    PythonProvidesField,
    SDistField,
    WheelField,
)
from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    IntField,
    InvalidFieldException,
    MultipleSourcesField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from qingkong_build.native_wheel.flag_fields import (
    NativeWheelCompileArgsField,
    NativeWheelDefineMacrosField,
    NativeWheelEnvVarsField,
    NativeWheelLinkArgsField,
    NativeWheelProfileField,
)
from qingkong_build.native_wheel.machines import MACHINES
from qingkong_build.python_lock.lockfile_dependencies import ResolvesMixin


class NativeWheelProjectField(StringField):
    alias = "project"
    required = True
    value: str
    help = help_text(
        """
        The name of the project on the Python index, e.g. `asyncmy`. The source distribution is
        looked for in `[python-repos].indexes`.
        """
    )


class NativeWheelVersionField(StringField):
    alias = "version"
    required = True
    value: str
    help = help_text("The exact version of the source distribution, e.g. `0.2.18`.")


class NativeWheelSha256Field(StringField):
    alias = "sha256"
    required = True
    value: str
    help = help_text(
        """
        The sha256 of the source distribution, 64 lowercase hex digits. It is checked before
        anything inside the archive is read or run. Copy it from the file's page on the index,
        or from `sha256sum` of a copy that you trust.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} must be 64 lowercase hex digits, "
                f"but was {value!r}. Copy it from the file's page on the index, or from "
                "`sha256sum` of a copy that you trust."
            )
        return value


class NativeWheelSizeField(IntField):
    alias = "size"
    help = help_text("The size of the source distribution in bytes. Checked, if it is given.")


class NativeWheelPatchesField(MultipleSourcesField):
    alias = "patches"
    uses_source_roots = False
    help = help_text(
        """
        Unified diffs that are applied to the unpacked sources, in this order, e.g.
        `["0001-no-tests.patch"]`. Paths in them have one leading directory (`a/setup.py`,
        as `git diff` and `diff -u` between two directories write them). A patch applies exactly
        where it says, without fuzz or offset, or the build ends before anything is compiled.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Optional[Iterable[str]], address: Address
    ) -> Optional[Tuple[str, ...]]:
        value = super().compute_value(raw_value, address)
        for name in value or ():
            if name.startswith("!") or "*" in name:
                raise InvalidFieldException(
                    f"The {cls.alias!r} field in target {address} has {name!r}: patches are "
                    "applied in the order of the list, which a pattern has not. Name each file."
                )
        return value


class NativeWheelLocalVersionField(StringField):
    alias = "local_version"
    help = help_text(
        """
        A local version segment (PEP 440) for the wheel, e.g. `fast.1` for `0.2.18+fast.1`. It
        tells the wheel from the index's in `pip list` and in file names; `project==0.2.18`
        still accepts it. The package's own `__version__` is not changed.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        # The normalised form only: two spellings of one version would be two file names.
        if value is not None and not re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)*", value):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} must be lowercase letters and "
                f"digits, in parts with `.` between them (PEP 440), but was {value!r}. Leave out "
                "the `+`, and write e.g. 'fast.1'."
            )
        return value


class NativeWheelExcludeField(StringSequenceField):
    alias = "exclude"
    default = ()
    help = help_text(
        """
        Patterns of files that the wheel must not carry, e.g. the C code that Cython generates:
        `["*.c", "*.pyx"]`. They are matched against paths in the wheel, and `*` matches `/` too.
        """
    )


class NativeWheelBuildResolveField(ResolvesMixin, StringField):
    alias = "build_resolve"
    default = "native-build"
    value: str
    help = help_text(
        """
        The resolve that holds the build requirements (setuptools, Cython, the PEP 517 back
        end), all of which are installed from its lockfile. What the package itself asks for
        in `[build-system].requires` is not consulted: it is not pinned.
        """
    )


class NativeWheelModulesField(StringSequenceField):
    alias = "modules"
    default = ()
    help = help_text(
        """
        Modules whose imports mean this wheel, e.g. `["asyncmy", "asyncmy.pool"]`: dependency
        inference maps them here, so tests, PEXes and images get this build and never the
        index's. Name each submodule that is imported; one that is missing here is reported
        as unowned.

        No lockfile of `resolves` may then have the project: of two wheels with one version, the
        index's could win silently. One that has it is an error.
        """
    )


class NativeWheelResolvesField(StringSequenceField):
    alias = "resolves"
    default = ()
    help = help_text("The resolves in which `modules` mean this wheel. Default: all of them.")


class NativeWheelManylinuxField(StringField):
    alias = "manylinux"
    help = help_text(
        """
        The oldest GNU C library that the wheel must run on, as a platform tag of PEP 600 without
        the processor, e.g. `manylinux_2_36` for Debian 12.

        auditwheel reads the finished wheel. If it needs a newer library, or any that such systems
        do not have, the build ends and names the symbol versions and the libraries. Otherwise
        the wheel gets the tag that auditwheel finds, which may be of an older library; nothing
        is bundled and no byte of the code changes. `build_resolve` has to have auditwheel.

        Without the field the wheel keeps the tag of setuptools, such as `linux_x86_64`, which
        installers accept on any Linux, also where it does not load.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        if value is not None and not re.fullmatch(r"manylinux_[1-9]\d*_\d+", value):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} must name a version of the GNU C "
                f"library, but was {value!r}. Write e.g. 'manylinux_2_28' for 2.28: without the "
                "processor, and 'manylinux_2_17' instead of 'manylinux2014'."
            )
        return value


class NativeWheelPlatformField(StringField):
    alias = "platform"
    valid_choices = tuple(MACHINES)
    help = help_text(
        """
        The platform that the wheel is for, if not that of the machine that builds. For another
        processor the compiler is the one of `[native-wheels].cross_compilers`, e.g. Debian's
        `gcc-aarch64-linux-gnu`, and the headers of the building interpreter are used, whose sizes
        of types are checked against that compiler's. Such a wheel cannot be tried here: the
        machine that its libraries are for is read from them, and nothing is run.
        """
    )


class NativeWheelInterpreterConstraintsField(InterpreterConstraintsField):
    help = help_text(
        """
        The interpreter that the wheel is for, e.g. `["CPython==3.12.*"]`: one minor version,
        3.11 or later, since a wheel with C extensions is for one. The headers of that
        interpreter have to be installed. A wheel that this interpreter could not install, since
        the package sets a tag of its own, is an error.

        If the field is not set, it is `[python].interpreter_constraints`. For two interpreters,
        write two targets.
        """
    )


class NativeWheelOutputPathField(PythonDistributionOutputPathField):
    help = help_text("The directory below `dist/` that the wheel goes to. Default: `dist/` itself.")


class NativeWheelDependenciesField(Dependencies):
    help = help_text(
        """
        Targets that whoever uses the wheel needs too, e.g. requirements that it imports
        (`["3rdparty/prod#typing-extensions"]`): what the wheel's own metadata asks for is not
        looked up. The build does not see them.
        """
    )


# What follows lets Pants treat the target as a `python_distribution`, which is how a wheel
# built here enters tests, PEXes and `pants run`. None of it is for the user to set.


class _ProvidesField(PythonProvidesField):
    alias = "_provides"
    required = False
    default = PythonArtifact(name="native-wheel")


class _GenerateSetupField(GenerateSetupField):
    alias = "_generate_setup"
    default = False  # type: ignore[assignment] # Pants' own is None: "ask the subsystem"


class _WheelField(WheelField):
    alias = "_wheel"


class _SDistField(SDistField):
    alias = "_sdist"
    default = False


class NativeWheelTarget(Target):
    alias = "native_wheel"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        NativeWheelInterpreterConstraintsField,
        NativeWheelOutputPathField,
        NativeWheelDependenciesField,
        NativeWheelProjectField,
        NativeWheelVersionField,
        NativeWheelSha256Field,
        NativeWheelSizeField,
        NativeWheelProfileField,
        NativeWheelCompileArgsField,
        NativeWheelLinkArgsField,
        NativeWheelDefineMacrosField,
        NativeWheelEnvVarsField,
        NativeWheelPatchesField,
        NativeWheelManylinuxField,
        NativeWheelPlatformField,
        NativeWheelLocalVersionField,
        NativeWheelExcludeField,
        NativeWheelBuildResolveField,
        NativeWheelModulesField,
        NativeWheelResolvesField,
        _ProvidesField,
        _GenerateSetupField,
        _WheelField,
        _SDistField,
    )
    help = help_text(
        """
        A wheel with C extensions, built from a pinned source distribution of the index with
        compiler flags of your choice. For example:

            native_wheel(
                name="wheel",
                project="asyncmy",
                version="0.2.18",
                sha256="a5b28e1583814e6141ea59454baff43d1ca60df7c3be7a4c1c9bd77788d34689",
                profile="documented",
                exclude=["*.c", "*.pyx"],
                modules=["asyncmy", "asyncmy.cursors"],
            )

        `pants package` puts the wheel into `dist/`. Depend on the target (or let `modules` infer
        it) and the wheel is what `pants test`, `pants package` and the image use.

        The flags are appended to each extension's own arguments at build time, for any build
        back end that compiles through setuptools; the package's sources are not edited, except by
        `patches`. The build has no network (on Linux, where the kernel allows it), no environment
        but what is declared, and gives the same bytes each time for one compiler.

        The wheel carries `native_wheel.json` in its `.dist-info`: the source's hash, patches,
        flags, the compiler and the build tools that it was made with.

        There is no field to strip (`-s` in `link_args` does, and is checked like all flags) and
        none to name an interpreter's path (`interpreter_constraints` chooses one).
        """
    )
