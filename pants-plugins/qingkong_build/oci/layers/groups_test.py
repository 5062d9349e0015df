from __future__ import annotations

import pytest
from pants.engine.target import InvalidFieldException

from qingkong_build.oci.layers.groups import Groups, assign

KNOWN = frozenset({"aiohttp", "click", "typing-extensions", "uvloop"})


def error(groups: Groups) -> str:
    with pytest.raises(InvalidFieldException) as raised:
        assign(groups, KNOWN, "the resolve 'prod' for linux/amd64")
    return str(raised.value)


def test_one_layer_has_all() -> None:
    assert assign({"d:all": None}, KNOWN, "x") == {"d:all": tuple(sorted(KNOWN))}


def test_the_one_without_names_has_the_rest() -> None:
    assert assign({"d:a": ("UvLoop",), "d:b": ("Typing_Extensions",), "d:c": None}, KNOWN, "x") == {
        "d:a": ("uvloop",),
        "d:b": ("typing-extensions",),
        "d:c": ("aiohttp", "click"),
    }


def test_all_may_be_named() -> None:
    assert assign({"d:a": tuple(KNOWN)}, KNOWN, "x") == {"d:a": tuple(sorted(KNOWN))}


def test_unknown_name() -> None:
    message = error({"d:a": ("uvlop",), "d:b": None})
    assert "'distributions' field in target d:a has 'uvlop'" in message
    assert "the resolve 'prod' for linux/amd64 does not bring (did you mean 'uvloop'?)" in message
    assert "Correct the name" in message


def test_in_two_layers() -> None:
    message = error({"d:a": ("click",), "d:b": ("Click",), "d:c": None})
    assert "'distributions' field in target d:b has 'Click' and so has d:a" in message
    assert "Leave it in one place." in message


def test_twice_in_one_layer() -> None:
    assert "target d:a has 'click' twice" in error({"d:a": ("click", "click"), "d:c": None})


def test_in_no_layer() -> None:
    message = error({"d:a": ("click",), "d:b": ("uvloop",)})
    assert "no layer has aiohttp, typing-extensions of the resolve 'prod'" in message
    assert "'distributions' field of one of d:a, d:b" in message


def test_two_without_names() -> None:
    message = error({"d:a": None, "d:b": ("click",), "d:c": None})
    assert message.startswith("d:a and d:c have no 'distributions' field")
    assert "another directory" in message
