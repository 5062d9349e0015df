"""Which requirements share a layer."""

from __future__ import annotations

import pytest
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from qingkong_build.oci.layers.pex_groups import LARGE, checked, grouped, is_automatic, wheel_layer

IMAGE = Address("deploy", target_name="oci")
PEX = Address("deploy", target_name="server")


def test_the_large_are_alone_and_the_others_share_by_kind() -> None:
    sizes = {"b": LARGE, "a": LARGE + 1, "c": 1, "d": 2, "e": LARGE - 1}
    layers = grouped(sizes, {"a", "d"})
    assert list(layers.items()) == [
        ("requirement-a", ("a",)),
        ("requirement-b", ("b",)),
        ("requirements-compiled", ("d",)),
        ("requirements", ("c", "e")),
    ]


def test_no_layer_is_empty() -> None:
    assert grouped({}, set()) == {}
    assert grouped({"a": 1}, set()) == {"requirements": ("a",)}
    assert grouped({"a": 1}, {"a"}) == {"requirements-compiled": ("a",)}


def test_another_requirement_moves_no_other_layer() -> None:
    before = grouped({"a": LARGE, "c": 1}, {"a"})
    after = grouped({"a": LARGE, "c": 1, "n": LARGE}, {"a", "n"})
    assert {name: after[name] for name in before} == before


def test_what_the_image_names_comes_first_and_the_rest_by_kind() -> None:
    sizes = {"a": LARGE, "b": 1, "c": LARGE, "d": 1, "e": 1}
    layers = grouped(sizes, {"b", "d"}, {"web": ("b", "c"), "orm": ("e",)})
    assert list(layers.items()) == [
        ("web", ("b", "c")),
        ("orm", ("e",)),
        ("requirement-a", ("a",)),
        ("requirements-compiled", ("d",)),
    ]


def test_names_are_normalised() -> None:
    groups = {"web": ("Typing_Extensions", "b"), "orm": ("c",)}
    assert checked("pex_layers", IMAGE, groups, ("typing-extensions", "b", "c", "d"), PEX) == {
        "web": ("b", "typing-extensions"),
        "orm": ("c",),
    }


@pytest.mark.parametrize(
    ("groups", "parts"),
    [
        ({"web": ("fastap",)}, ("{'web': ['fastap']}", "deploy:server", "mean 'fastapi'?")),
        ({"web": ("uvicorn",), "orm": ("Uvicorn",)}, ("{'orm': ['Uvicorn']}", "'web' has it")),
        ({"web": ("uvicorn", "uvicorn")}, ("{'web': ['uvicorn']}", "'web' has it")),
    ],
)
def test_a_wrong_group(groups: dict[str, tuple[str, ...]], parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidFieldException) as error:
        checked("pex_layers", IMAGE, groups, ("fastapi", "uvicorn"), PEX)
    for part in (*parts, "'pex_layers' field in target deploy:oci", "Fix: "):
        assert part in str(error.value)


def test_no_group_takes_the_name_of_another_layer() -> None:
    sizes = {"a": LARGE, "b": 1, "c": 1}
    names = [*grouped(sizes, {"b"}), wheel_layer("d"), "sources"]
    assert len(names) == 5
    assert all(map(is_automatic, names))
    assert not is_automatic("requirements-web")
