from __future__ import annotations

from typing import Any

import pytest
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from qingkong_build.native_wheel.build_process import flags_of
from qingkong_build.native_wheel.profiles import (
    FAST_MATH_FLAGS,
    PROFILES,
    InvalidProfile,
    Profile,
    find_profile,
)
from qingkong_build.native_wheel.target_types import NativeWheelTarget

ADDRESS = "3rdparty/tiny:wheel"


def test_profiles() -> None:
    assert find_profile(PROFILES, "documented", ADDRESS) == Profile(
        ("-Os", "-flto", "-ffast-math"), ("-flto", "-s")
    )
    assert find_profile(PROFILES, "debug", ADDRESS) == Profile(("-O0", "-g"))
    assert find_profile(PROFILES, "custom", ADDRESS) == Profile()
    # A profile that is fast does not change arithmetic.
    speed = find_profile(PROFILES, "speed", ADDRESS)
    assert not set(speed.compile_args) & set(FAST_MATH_FLAGS)


def test_a_profile_of_a_team() -> None:
    content = {"compile_args": ["-O1"], "link_args": [], "define_macros": {"B": "1", "A": ""}}
    expected = Profile(("-O1",), (), (("A", ""), ("B", "1")))
    assert find_profile({**PROFILES, "ours": content}, "ours", ADDRESS) == expected


def refusal(name: str, **profiles: Any) -> str:
    with pytest.raises(InvalidProfile) as error:
        find_profile({**PROFILES, **profiles}, name, ADDRESS)
    message = str(error.value)
    assert f"'profile' field in target {ADDRESS}" in message
    return message


def test_unknown_profile() -> None:
    message = refusal("fast")
    assert "is 'fast', but [native-wheels].profiles has only: custom, debug, documented" in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("-O2", "is '-O2', which is no mapping"),
        ({"cflags": ["-O2"]}, "has 'cflags', which no profile has"),
        ({"compile_args": "-O2"}, "has 'compile_args' = '-O2'"),
        ({"link_args": [1]}, "has 'link_args' = [1]"),
        ({"define_macros": ["A"]}, "has 'define_macros' = ['A']"),
        ({"define_macros": {"A": 1}}, "has 'define_macros' = {'A': 1}"),
    ],
)
def test_malformed_profile(content: Any, said: str) -> None:
    message = refusal("ours", ours=content)
    assert "[native-wheels].profiles, 'ours'" in message
    assert said in message
    assert "Write it as {'ours': {'compile_args': ['-O2']" in message


@pytest.mark.parametrize("flag", FAST_MATH_FLAGS)
def test_fast_math_at_link_time(flag: str) -> None:
    message = refusal("ours", ours={"link_args": [flag]})
    assert f"'link_args', has {flag!r}: at link time" in message
    assert f"Move {flag!r} to the 'compile_args' field" in message


def target(**fields: Any) -> NativeWheelTarget:
    return NativeWheelTarget(
        {"project": "tiny", "version": "1.0", "sha256": "0" * 64, **fields},
        Address("3rdparty/tiny", target_name="wheel"),
    )


def test_flags_of_a_target_come_after_those_of_its_profile() -> None:
    profiles = {
        "ours": {"compile_args": ["-O1"], "link_args": ["-s"], "define_macros": {"A": "1", "B": ""}}
    }
    fields = target(
        profile="ours", compile_args=["-O2"], link_args=["-flto"], define_macros={"A": "2"}
    )
    assert flags_of(fields, profiles) == {
        "compile_args": ["-O1", "-O2"],
        "link_args": ["-s", "-flto"],
        "define_macros": {"A": "2", "B": ""},
    }
    assert flags_of(target(), PROFILES) == {
        "compile_args": [],
        "link_args": [],
        "define_macros": {},
    }


def test_a_target_with_an_unknown_profile() -> None:
    with pytest.raises(
        InvalidFieldException, match="'profile' field in target 3rdparty/tiny:wheel"
    ):
        flags_of(target(profile="fast"), PROFILES)
