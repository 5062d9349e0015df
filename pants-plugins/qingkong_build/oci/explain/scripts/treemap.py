"""Rectangles whose areas are sizes: squarified treemaps (Bruls, Huizing, van Wijk, 2000).

These lines are in place of a plotting library: the only one that is locked here is a requirement of
the benchmarks, and who installs the plugins would have to lock it, for a page that needs no axis
and no image format. Standard library only, the same rectangles for the same sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle: its upper left corner, and how large it is."""

    x: float
    y: float
    width: float
    height: float


def squarified(sizes: Sequence[int], box: Box) -> Iterator[Box]:
    """A part of the box for each size; they are positive, the largest first."""
    x, y, width, height = box
    left = sum(sizes)
    start = 0
    while start < len(sizes):
        side = min(width, height)
        # What a unit of size takes of the area; the rest of the box is for the rest of the sizes.
        unit = width * height / left
        end = start + 1
        while end < len(sizes) and _worst(sizes[start : end + 1], side, unit) <= _worst(
            sizes[start:end], side, unit
        ):
            end += 1
        row = sizes[start:end]
        depth = sum(row) * unit / side if side else 0.0
        along = 0.0
        for size in row:
            length = size * unit / depth if depth else 0.0
            if width >= height:
                yield Box(x, y + along, depth, length)
            else:
                yield Box(x + along, y, length, depth)
            along += length
        if width >= height:
            x, width = x + depth, max(width - depth, 0.0)
        else:
            y, height = y + depth, max(height - depth, 0.0)
        left -= sum(row)
        start = end


def _worst(row: Sequence[int], side: float, unit: float) -> float:
    """How much longer than wide the longest rectangle of a row along a side is."""
    total = sum(row) * unit
    if not total or not side:
        return 0.0
    return max(side**2 * row[0] * unit / total**2, total**2 / (side**2 * row[-1] * unit))
