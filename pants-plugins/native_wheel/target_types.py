"""The fields of `native_wheel`, and nothing that acts on them."""

from __future__ import annotations

import re

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
    DictStringToStringField,
    IntField,
    InvalidFieldException,
    MultipleSourcesField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

# Flags that make gcc link `crtfastmath.o`: a library that carries it flips the
# processor to flush-to-zero for the whole process when it is loaded.
FAST_MATH_FLAGS = ("-ffast-math", "-Ofast", "-funsafe-math-optimizations")

# What a build sets itself, so that it is the same everywhere.
FIXED_ENV_VARS = (
    "CC",
    "CXX",
    "HOME",
    "LC_ALL",
    "NATIVE_WHEEL_HOOK",
    "PATH",
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "SOURCE_DATE_EPOCH",
    "TMPDIR",
    "TZ",
)
# setuptools would put these on command lines of its own choice: that of the linker, too.
FLAG_ENV_VARS = ("CFLAGS", "CPPFLAGS", "CXXFLAGS", "LDFLAGS", "LDSHARED", "LDCXXSHARED")


class NativeWheelProjectField(StringField):
    alias = "project"
    required = True
    value: str
    help = help_text("The name of the project on the Python index, e.g. `asyncmy`.")


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
        The sha256 of the source distribution, 64 lowercase hex digits. It is checked
        before anything inside the archive is read or run.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
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
    help = help_text("The size of the source distribution in bytes, checked when given.")


class NativeWheelCompileArgsField(StringSequenceField):
    alias = "compile_args"
    default = ()
    help = help_text(
        """
        Arguments appended to the compile command of every extension, after those of the
        package itself, so that they win. A flag that does not reach the compiler is an error.
        """
    )


class NativeWheelLinkArgsField(StringSequenceField):
    alias = "link_args"
    default = ()
    help = help_text(
        """
        Arguments appended to the link command of every extension. `-ffast-math` and its like
        are refused here: gcc would link `crtfastmath.o`, and importing the wheel would switch
        the whole process to flush-to-zero arithmetic.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: object, address: Address) -> tuple[str, ...] | None:
        value = super().compute_value(raw_value, address)  # type: ignore[arg-type]
        for arg in value or ():
            if arg in FAST_MATH_FLAGS:
                raise InvalidFieldException(
                    f"The {cls.alias!r} field in target {address} has {arg!r}: at link time it "
                    "makes importing the wheel flush denormal numbers to zero in the whole "
                    f"process (`5e-324 == 0.0`). Move {arg!r} to the 'compile_args' field."
                )
        return value


class NativeWheelDefineMacrosField(DictStringToStringField):
    alias = "define_macros"
    help = help_text(
        """
        Macros for the preprocessor, e.g. `{"XXH_VECTOR": "0", "NO_ASSERTIONS": ""}`: each goes
        to the compile command of every extension as `-DNAME=value`, or as `-DNAME` where the
        value is empty. They come after the package's own, so that they win, and before
        `compile_args`. One that does not reach the compiler is an error.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: dict[str, str] | None, address: Address
    ) -> FrozenDict[str, str] | None:
        value = super().compute_value(raw_value, address)
        for name in value or ():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise InvalidFieldException(
                    f"The {cls.alias!r} field in target {address} has {name!r}, which is no name "
                    "of a C macro. Use letters, digits and `_`; for a macro with a value, write "
                    "it as {'NAME': 'value'}."
                )
        return value


class NativeWheelEnvVarsField(DictStringToStringField):
    alias = "env_vars"
    help = help_text(
        """
        Environment variables of the build, e.g. `{"MULTIDICT_DEBUG_BUILD": "1"}`, for packages
        that take their settings from them. Nothing of the environment in which Pants runs
        reaches a build, so these and the fixed ones (locale, time zone, PATH ...) are all there
        are. Flags have fields of their own: `compile_args`, `link_args`, `define_macros`.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: dict[str, str] | None, address: Address
    ) -> FrozenDict[str, str] | None:
        value = super().compute_value(raw_value, address)
        for name, content in (value or {}).items():
            start = f"The {cls.alias!r} field in target {address} has {name!r}"
            if name in FLAG_ENV_VARS:
                raise InvalidFieldException(
                    f"{start}: setuptools uses it for other commands than the one it names. Put "
                    f"{content!r} into the 'compile_args' or 'link_args' field."
                )
            if name in FIXED_ENV_VARS or name.startswith("PEX"):
                raise InvalidFieldException(
                    f"{start} = {content!r}, which a build sets itself, so that its result is the "
                    "same everywhere. Take it out. (PATH is [native-wheels].search_path.)"
                )
            if not name or "=" in name or "\0" in name + content:
                raise InvalidFieldException(
                    f"{start} = {content!r}, which no environment can hold. Take `=` out of the "
                    "name and null characters out of both."
                )
        return value


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
    def compute_value(cls, raw_value: object, address: Address) -> tuple[str, ...] | None:
        value = super().compute_value(raw_value, address)  # type: ignore[arg-type]
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
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        value = super().compute_value(raw_value, address)
        # The normalised form only: two spellings of one version would be two file names.
        if value is not None and not re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)*", value):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} must be lowercase letters and "
                f"digits, in parts with `.` between them (PEP 440), but was {value!r}. Leave out "
                "the `+`, and write e.g. 'fast.1'."
            )
        return value


class NativeWheelProfileField(StringField):
    alias = "profile"
    default = "custom"
    value: str
    help = help_text("A name for this set of flags, recorded in the wheel's metadata.")


class NativeWheelExcludeField(StringSequenceField):
    alias = "exclude"
    default = ()
    help = help_text(
        """
        Glob patterns of files that the wheel must not carry, e.g. the C code that Cython
        generates: `["*.c", "*.pyx"]`.
        """
    )


class NativeWheelBuildResolveField(StringField):
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
        """
    )


class NativeWheelResolvesField(StringSequenceField):
    alias = "resolves"
    default = ()
    help = help_text("The resolves in which `modules` mean this wheel. Default: all of them.")


class NativeWheelDependenciesField(Dependencies):
    pass


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
        InterpreterConstraintsField,
        PythonDistributionOutputPathField,
        NativeWheelDependenciesField,
        NativeWheelProjectField,
        NativeWheelVersionField,
        NativeWheelSha256Field,
        NativeWheelSizeField,
        NativeWheelCompileArgsField,
        NativeWheelLinkArgsField,
        NativeWheelDefineMacrosField,
        NativeWheelEnvVarsField,
        NativeWheelPatchesField,
        NativeWheelLocalVersionField,
        NativeWheelProfileField,
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
        compiler flags of your choice.

        The flags are appended to each extension's own arguments at build time; the package's
        sources are not edited, except by `patches`. The wheel carries `native_wheel.json` in its
        `.dist-info`: the source's hash, patches, flags, the compiler and the build tools it was
        made with. The build has no network (on Linux, where the kernel allows it), and no
        environment but what is declared.

        Depend on the target (or let `modules` infer it) and the wheel is what `pants test`,
        `pants package` and the image use.
        """
    )
