"""Plots of estimates as SVG, the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from measuring.estimates import Estimate

# Readable on the light and on the dark background of a page.
_BAR, _REFERENCE, _TEXT = "#4c78a8", "#e45756", "#7f7f7f"
_WIDTH, _ROW, _HEAD = 8.0, 0.32, 0.9
# matplotlib's own type of the keys is a list of every name there is.
_STYLE: dict[Any, Any] = {
    # Identifiers in the file come from its content, not from chance.
    "svg.hashsalt": "measuring",
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "axes.edgecolor": _TEXT,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
}


def draw_bars(
    path: Path,
    title: str,
    panels: Mapping[str, Mapping[str, Estimate]],
    *,
    reference: float | None = None,
) -> None:
    """Draw one panel of horizontal bars with their intervals for each entry of `panels`.

    Args:
        path: the SVG file to write.
        title: what is drawn, with its unit.
        panels: by panel title, by label of the bar, what it shows; all panels share the labels'
            order but not the scale.
        reference: where to draw a line to compare with, such as 1.0 for ratios.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not panels or not all(panels.values()):
        raise ValueError(f"there is nothing to draw in {path.name}: give every panel a bar")
    heights = [_HEAD + _ROW * len(bars) for bars in panels.values()]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, sum(heights) + _HEAD / 2), layout="constrained")
        figure.suptitle(title)
        axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
        for axis, (heading, bars) in zip(axes, panels.items(), strict=True):
            values = [bar.value for bar in bars.values()]
            # A median may lie at either end of its interval, never outside.
            errors = [
                [max(0.0, bar.value - bar.low) for bar in bars.values()],
                [max(0.0, bar.high - bar.value) for bar in bars.values()],
            ]
            axis.barh(list(bars), values, xerr=errors, color=_BAR, ecolor=_TEXT, capsize=2)
            axis.invert_yaxis()
            axis.set_title(heading, loc="left", fontsize=9)
            for side in ("top", "right"):
                axis.spines[side].set_visible(False)
            if reference is not None:
                axis.axvline(reference, color=_REFERENCE, linewidth=1)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def draw_timeline(path: Path, title: str, bars: Sequence[tuple[str, float, float]]) -> None:
    """Draw one horizontal bar a row, from its start to its end.

    Args:
        path: the SVG file to write.
        title: what is drawn, with its unit.
        bars: label, start and end of each, the first at the top.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not bars:
        raise ValueError(f"there is nothing to draw in {path.name}: give it a bar")
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEAD + _ROW * 0.6 * len(bars)), layout="constrained")
        axis = figure.subplots()
        for row, (label, start, end) in enumerate(bars):
            axis.barh(row, end - start, left=start, color=_BAR)
            axis.text(end, row, f" {label}, {end - start:.1f}", va="center", fontsize=7)
        axis.set_title(title, loc="left", fontsize=9)
        axis.set_yticks([])
        # The labels of the last ones need room too.
        axis.set_xlim(0, max(end for *_, end in bars) * 1.6)
        axis.invert_yaxis()
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def draw_growth(path: Path, title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Draw one line for each entry of `lines`, over logarithmic axes: a power is straight.

    Args:
        path: the SVG file to write.
        title: what is drawn, with its unit.
        lines: by label, the points in the order of their first numbers; all are positive.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not lines or not all(lines.values()):
        raise ValueError(f"there is nothing to draw in {path.name}: give every line a point")
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _WIDTH / 2), layout="constrained")
        axis = figure.subplots()
        for label, points in lines.items():
            axis.plot(*zip(*points, strict=True), marker="o", label=label)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_title(title, loc="left", fontsize=9)
        axis.legend(fontsize=7, labelcolor=_TEXT, framealpha=0)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})
