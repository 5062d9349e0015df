from __future__ import annotations

import pytest
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.addresses import Address
from pants.engine.target import Field, InvalidFieldException, InvalidTargetException
from pants.help.help_info_extracter import TargetFieldHelpInfo

from qingkong_build.native_wheel.build_process import check_interpreter
from qingkong_build.native_wheel.flag_fields import (
    FIXED_ENV_VARS,
    FLAG_ENV_VARS,
    NativeWheelCompileArgsField,
    NativeWheelDefineMacrosField,
    NativeWheelEnvVarsField,
    NativeWheelLinkArgsField,
)
from qingkong_build.native_wheel.profiles import FAST_MATH_FLAGS
from qingkong_build.native_wheel.target_types import (
    NativeWheelLocalVersionField,
    NativeWheelManylinuxField,
    NativeWheelPatchesField,
    NativeWheelSha256Field,
    NativeWheelTarget,
)

ADDRESS = Address("3rdparty/tiny", target_name="wheel")
SHA256 = "0123456789abcdef" * 4


def test_sha256() -> None:
    assert NativeWheelSha256Field(SHA256, ADDRESS).value == SHA256


@pytest.mark.parametrize(
    "value", [SHA256[:-1], f"{SHA256}0", SHA256.upper(), f"sha256:{SHA256}", f"{SHA256[:-1]}g", ""]
)
def test_malformed_sha256(value: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        NativeWheelSha256Field(value, ADDRESS)
    message = str(error.value)
    assert "'sha256' field in target 3rdparty/tiny:wheel must be 64 lowercase hex" in message
    assert f"but was {value!r}" in message
    assert "`sha256sum`" in message


@pytest.mark.parametrize("flag", FAST_MATH_FLAGS)
def test_fast_math_at_link_time(flag: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        NativeWheelLinkArgsField(["-flto", flag], ADDRESS)
    message = str(error.value)
    assert f"'link_args' field in target 3rdparty/tiny:wheel has {flag!r}" in message
    assert f"Move {flag!r} to the 'compile_args' field" in message
    assert NativeWheelCompileArgsField([flag], ADDRESS).value == (flag,)


def test_link_args() -> None:
    assert NativeWheelLinkArgsField(["-flto", "-s"], ADDRESS).value == ("-flto", "-s")
    assert NativeWheelLinkArgsField(None, ADDRESS).value == ()


def test_define_macros() -> None:
    value = {"NAME": "value", "_2": ""}
    assert dict(NativeWheelDefineMacrosField(value, ADDRESS).value or {}) == value
    assert not NativeWheelDefineMacrosField(None, ADDRESS).value


@pytest.mark.parametrize("name", ["", "2D", "NAME=1", "-DNAME", "A B", "F(x)"])
def test_malformed_macro(name: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        NativeWheelDefineMacrosField({name: "1"}, ADDRESS)
    message = str(error.value)
    assert f"'define_macros' field in target 3rdparty/tiny:wheel has {name!r}" in message
    assert "write it as {'NAME': 'value'}" in message


def test_env_vars() -> None:
    assert dict(NativeWheelEnvVarsField({"TINY": "a=b"}, ADDRESS).value or {}) == {"TINY": "a=b"}


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        *((name, "'compile_args' or 'link_args' field") for name in FLAG_ENV_VARS),
        *((name, "Take it out") for name in (*FIXED_ENV_VARS, "PEX_ROOT")),
        ("A=B", "Take `=` out of the name"),
        ("", "Take `=` out of the name"),
    ],
)
def test_env_vars_that_a_build_cannot_take(name: str, fix: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        NativeWheelEnvVarsField({name: "-O2"}, ADDRESS)
    message = str(error.value)
    assert f"'env_vars' field in target 3rdparty/tiny:wheel has {name!r}" in message
    assert "'-O2'" in message
    assert fix in message


def test_patches_keep_their_order() -> None:
    assert NativeWheelPatchesField(["b.patch", "a.patch"], ADDRESS).globs == ("b.patch", "a.patch")


@pytest.mark.parametrize("name", ["*.patch", "!a.patch", "**/a.patch"])
def test_patches_by_pattern(name: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        NativeWheelPatchesField([name], ADDRESS)
    message = str(error.value)
    assert f"'patches' field in target 3rdparty/tiny:wheel has {name!r}" in message
    assert "Name each file" in message


@pytest.mark.parametrize("value", ["fast", "fast.1", "20250101", "1.a2.b"])
def test_local_version(value: str) -> None:
    assert NativeWheelLocalVersionField(value, ADDRESS).value == value


@pytest.mark.parametrize("value", ["", "+fast", "Fast", "fast-1", "fast_1", "fast.", "a b"])
def test_malformed_local_version(value: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        NativeWheelLocalVersionField(value, ADDRESS)
    message = str(error.value)
    assert "'local_version' field in target 3rdparty/tiny:wheel must be" in message
    assert f"but was {value!r}" in message
    assert "write e.g. 'fast.1'" in message


@pytest.mark.parametrize("value", ["manylinux_2_17", "manylinux_2_5"])
def test_manylinux(value: str) -> None:
    assert NativeWheelManylinuxField(value, ADDRESS).value == value


@pytest.mark.parametrize(
    "value", ["", "2_17", "manylinux2014", "manylinux_2_17_x86_64", "musllinux_1_1", "manylinux_2"]
)
def test_malformed_manylinux(value: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        NativeWheelManylinuxField(value, ADDRESS)
    message = str(error.value)
    assert "'manylinux' field in target 3rdparty/tiny:wheel must name" in message
    assert f"but was {value!r}" in message
    assert "Write e.g. 'manylinux_2_28'" in message


def interpreters(*constraints: str) -> None:
    """Check a wheel with these interpreter constraints."""
    target = NativeWheelTarget(
        {
            "project": "tiny",
            "version": "1.0",
            "sha256": SHA256,
            "interpreter_constraints": constraints,
        },
        ADDRESS,
    )
    check_interpreter(target, InterpreterConstraints(constraints), ["3.9", "3.10", "3.11", "3.12"])


@pytest.mark.parametrize(
    "constraint", ["CPython==3.12.*", "CPython>=3.11,<3.12", "CPython==3.12.3"]
)
def test_one_interpreter(constraint: str) -> None:
    interpreters(constraint)


@pytest.mark.parametrize(
    ("constraints", "found"),
    [
        (["CPython>=3.11"], "3.11, 3.12"),
        (["CPython==3.11.*", "CPython==3.12.*"], "3.11, 3.12"),
        (["CPython==3.10.*"], "3.10"),
        (["CPython==3.99.*"], "none"),
    ],
)
def test_not_one_interpreter(constraints: list[str], found: str) -> None:
    with pytest.raises(InvalidFieldException) as error:
        interpreters(*constraints)
    message = str(error.value)
    assert (
        f"'interpreter_constraints' field in target 3rdparty/tiny:wheel is {constraints}" in message
    )
    assert f"of the known interpreters {found}." in message
    assert "Set the field to one minor version, e.g. ['CPython==3.12.*']" in message


@pytest.mark.parametrize("missing", ["project", "version", "sha256"])
def test_required_fields(missing: str) -> None:
    fields = {"project": "tiny", "version": "1.0", "sha256": SHA256}
    del fields[missing]
    with pytest.raises(InvalidTargetException, match=f"'{missing}' field in target 3rdparty/tiny"):
        NativeWheelTarget(fields, ADDRESS)


def test_what_is_not_for_the_user_is_not_in_the_help() -> None:
    """Fields that only make Pants treat the target as a distribution start with `_`."""
    for field in NativeWheelTarget.core_fields:
        if field.__name__.startswith("_"):
            assert field.alias.startswith("_")


@pytest.mark.parametrize("field", NativeWheelTarget.core_fields)
def test_help_of_each_field(field: type[Field]) -> None:
    """`pants help native_wheel` evaluates types that nothing else does."""
    info = TargetFieldHelpInfo.create(field, provider="qingkong_build.native_wheel")
    assert info.type_hint
    if not field.alias.startswith("_"):
        assert len(info.description) > 40
