"""Which requirements share a layer."""

from __future__ import annotations

from image_layer.pex_groups import LARGE, grouped


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
