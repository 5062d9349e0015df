"""The fields of `native_wheel` that say what the compiler is told."""

# `pants help` evaluates the types of `compute_value`, and CPython 3.9 has no `dict[...] | None`:
# ruff: noqa: UP006, UP035, UP045

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Dict, Optional, Tuple

from pants.engine.addresses import Address
from pants.engine.target import (
    DictStringToStringField,
    InvalidFieldException,
    StringField,
    StringSequenceField,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from qingkong_build.native_wheel.profiles import fast_math_problem

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


class NativeWheelProfileField(StringField):
    alias = "profile"
    default = "custom"
    value: str
    help = help_text(
        """
        A named set of flags. They come before those of `compile_args`, `link_args` and
        `define_macros`, which may add to them or, coming later, override them.

        `documented`: small (`-Os -flto -ffast-math`, linked with `-flto -s`). `speed`: fast.
        `debug`: `-O0 -g`, not stripped. `custom`, the default: no flags, only those of the
        target. `pants help native-wheels` shows what each means here, and how to add more
        (`[native-wheels].profiles`). The name is recorded in the wheel, as all flags are.
        """
    )


class NativeWheelCompileArgsField(StringSequenceField):
    alias = "compile_args"
    default = ()
    help = help_text(
        """
        Arguments appended to the compile command of every extension, after those of the
        package itself, so that they win, e.g. `["-O2", "-flto"]`.

        The command lines of the build are read afterwards: a flag that is not on each of them
        ends the build, as does one that the compiler does not know.
        """
    )


class NativeWheelLinkArgsField(StringSequenceField):
    alias = "link_args"
    default = ()
    help = help_text(
        """
        Arguments appended to the link command of every extension, e.g. `["-flto", "-s"]`; `-s`
        strips. They are checked as `compile_args` are.

        `-ffast-math` and its like are refused here: gcc would link `crtfastmath.o`, and importing
        the wheel would switch the whole process to flush-to-zero arithmetic.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Optional[Iterable[str]], address: Address
    ) -> Optional[Tuple[str, ...]]:
        value = super().compute_value(raw_value, address)
        problem = fast_math_problem(f"The {cls.alias!r} field in target {address}", value or ())
        if problem is not None:
            raise InvalidFieldException(problem)
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
        cls, raw_value: Optional[Dict[str, str]], address: Address
    ) -> Optional[FrozenDict[str, str]]:
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
        cls, raw_value: Optional[Dict[str, str]], address: Address
    ) -> Optional[FrozenDict[str, str]]:
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
