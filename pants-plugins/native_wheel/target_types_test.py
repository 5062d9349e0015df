from __future__ import annotations

import pytest
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException, InvalidTargetException

from native_wheel.target_types import (
    FAST_MATH_FLAGS,
    NativeWheelCompileArgsField,
    NativeWheelLinkArgsField,
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
