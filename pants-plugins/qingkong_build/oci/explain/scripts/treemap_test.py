"""Rectangles that fill their box, each as large as its size, and none long and thin."""

from __future__ import annotations

import pytest
from treemap import Box, squarified


def test_the_example_of_its_authors() -> None:
    boxes = list(squarified([6, 6, 4, 3, 2, 2, 1], Box(0, 0, 6, 4)))
    expected = [(0, 0, 3, 2), (0, 2, 3, 2), (3, 0, 12 / 7, 7 / 3), (33 / 7, 0, 9 / 7, 7 / 3)]
    for part, values in zip(boxes, expected, strict=False):
        assert tuple(part) == pytest.approx(values)


@pytest.mark.parametrize(
    "sizes",
    [[1], [1, 1], [10**9, 1], [5, 5, 5, 5, 5], list(range(200, 0, -1)), [10**12, *[1] * 50]],
)
@pytest.mark.parametrize("box", [Box(0, 0, 1200, 600), Box(10, 20, 300, 700)])
def test_areas_are_shares(sizes: list[int], box: Box) -> None:
    boxes = list(squarified(sizes, box))
    assert len(boxes) == len(sizes)
    for size, part in zip(sizes, boxes, strict=True):
        area = box.width * box.height * size / sum(sizes)
        assert part.width * part.height == pytest.approx(area, rel=1e-3, abs=1e-6)
        assert part.x >= box.x - 1e-6
        assert part.y >= box.y - 1e-6
        assert part.x + part.width <= box.x + box.width + 1e-6
        assert part.y + part.height <= box.y + box.height + 1e-6


def test_equal_sizes_are_almost_squares() -> None:
    for part in squarified([1] * 24, Box(0, 0, 600, 400)):
        assert 0.5 <= part.width / part.height <= 2


def test_nothing() -> None:
    assert list(squarified([], Box(0, 0, 6, 4))) == []
    assert len(list(squarified([2, 1], Box(0, 0, 0, 0)))) == 2
