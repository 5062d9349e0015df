"""The page of the benchmark: its table with the growth of each row, and a plot."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from measuring.pages import environment_list, markdown_table, replace_section
from measuring.plots import draw_growth
from scale.measure import ROWS, Size

_PAGE = (
    "# What a change costs as apps become many\n\n"
    "<!-- results: written by ./pants run benchmarks/scale:scale -->\n<!-- results: end -->\n"
)
_MEMORY = ("memory of the daemon, GB", "the same, once dependents were asked for, GB")
_RESTARTS = "restarts of the daemon"
_NAME = "scale"


def exponent(small: tuple[int, float], large: tuple[int, float]) -> float:
    """E where a value grows as the number of apps to the power of E: 1 is as fast as they do.

    Raises:
        ValueError: a value is not positive, or the numbers of apps are equal.
    """
    (few, before), (many, after) = small, large
    if few == many or min(before, after) <= 0:
        raise ValueError(f"no growth from {small} to {large}: measure two sizes that take time")
    return math.log(after / before) / math.log(many / few)


def table(sizes: Sequence[Size]) -> str:
    """Rows by size, with the exponent between the last two sizes."""
    headers = ["", *(f"{size.apps:,} apps" for size in sizes)]
    values: dict[str, list[float]] = {name: [size.seconds[name] for size in sizes] for name in ROWS}
    values.update(
        {name: [size.memory[place] for size in sizes] for place, name in enumerate(_MEMORY)}
    )
    several = len(sizes) > 1
    if several:
        headers.append("exponent")
    rows = []
    for name, row in values.items():
        cells = [name, *(f"{value:.2f}" for value in row)]
        if several:
            few, many = zip(sizes[-2:], row[-2:], strict=True)
            cells.append(f"{exponent((few[0].apps, few[1]), (many[0].apps, many[1])):.2f}")
        rows.append(cells)
    restarts = [_RESTARTS, *(str(size.restarts) for size in sizes)]
    rows.append([*restarts, *["" for _ in headers[len(restarts) :]]])
    return markdown_table(headers, rows)


def first_table(sizes: Sequence[Size]) -> str:
    """What a new daemon takes for each command, once."""
    headers = ["", *(f"{size.apps:,} apps" for size in sizes)]
    return markdown_table(
        headers, [[name, *(f"{size.first[name]:.0f}" for size in sizes)] for name in ROWS]
    )


def write(directory: Path, sizes: Sequence[Size], record: Mapping[str, str]) -> None:
    """Write the section of the page, its plot and its data.

    Raises:
        PageError: the page has no section for them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    page = directory / f"{_NAME}.md"
    if not page.exists():
        page.write_text(_PAGE, encoding="utf-8")
    text = (
        "Processor seconds of the daemon and its processes, medians:",
        table(sizes),
        "Wall seconds of the same commands, one after the other, where the daemon is new:",
        first_table(sizes),
        f"![Processor seconds by number of apps]({_NAME}.svg)",
        environment_list(record),
    )
    replace_section(page, "results", "\n\n".join(text))
    lines = {name: [(size.apps, size.seconds[name]) for size in sizes] for name in ROWS}
    draw_growth(directory / f"{_NAME}.svg", "Processor seconds by number of apps", lines)
    document = {"environment": dict(record), "sizes": [asdict(size) for size in sizes]}
    (directory / f"{_NAME}.json").write_text(
        json.dumps(document, indent=1) + "\n", encoding="utf-8"
    )
