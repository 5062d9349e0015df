"""What a run says: the table of what was to be reached, a plot, and the page's section."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from image.measure import Results
from image.profile import AFTER, BETWEEN
from image.setup import ARCHIVE, BYTECODE, IMAGE
from image.start import TOTAL
from image.starts import Starts, imports_table, phases_table
from measuring.estimates import Estimate, median
from measuring.pages import environment_list, markdown_table, replace_section
from measuring.plots import draw_bars
from measuring.rounds import Measurements

_NONE = "-"
_PAGE = (
    "# How fast the image is built\n\n"
    "<!-- results: written by ./pants run benchmarks/image:image -->\n<!-- results: end -->\n"
)
# By row: the measurements, the metric, the digits, and what is to be reached by which recipe.
_TIMES = {
    "one-line change, s": ("warm", "edit", 2, {ARCHIVE: 0.5, IMAGE: 0.7}),
    "one-line change while watching, s": ("watched", "watched", 2, {}),
    "nothing changed, s": ("warm", "nothing", 2, {ARCHIVE: 0.25, IMAGE: 0.25}),
    "one requirement changed, s": ("requirement", "requirement", 1, {ARCHIVE: 5.0, IMAGE: 5.0}),
    "fresh clone, empty caches, s": ("cold", "cold", 0, {ARCHIVE: 100.0, IMAGE: 100.0}),
}
_START = "container start to first byte, s"
_PROCESSES = {
    "processes after a one-line change": ("warm", "edit processes"),
    "processes when nothing changed": ("warm", "nothing processes"),
    "processes after one requirement": ("requirement", "processes"),
}
_SIZES = {
    "above the base, MB": ("unpacked", 1e6, 1),
    "above the base, as pushed, MB": ("packed", 1e6, 1),
    "pushed after a one-line change, MB": ("pushed", 1e6, 3),
    "layers pushed after a one-line change": ("pushed layers", 1.0, 0),
}
_REACH = {
    "above the base, MB": "55",
    "pushed after a one-line change, MB": "0.3",
    "layers pushed after a one-line change": "1",
    "processes when nothing changed": "0",
}


def _values(measurements: Measurements, name: str, metric: str) -> list[float]:
    return measurements.values.get(name, {}).get(metric, [])


def _measurements(results: Results, row: str) -> Measurements:
    found: Measurements = getattr(results, row)
    return found


def table(results: Results) -> str:
    """Every row for every recipe: medians with 95% intervals, and what is to be reached."""
    names = results.warm.variants
    rows = []
    for title, (row, metric, digits, goals) in _TIMES.items():
        cells = []
        for name in names:
            values = _values(_measurements(results, row), name, metric)
            cells.append(median(values).text(digits) if values else _NONE)
        reach = ", ".join(
            f"{goals[name]:g}" for name in (ARCHIVE, IMAGE) if name in names and name in goals
        )
        rows.append([title, *cells, reach])
    cells = []
    for name in names:
        values = _values(results.starts.phases, name, TOTAL)
        cells.append(median(values).text(2) if values else _NONE)
    rows.append([_START, *cells, ""])
    for title, (row, metric) in _PROCESSES.items():
        cells = []
        for name in names:
            values = _values(_measurements(results, row), name, metric)
            cells.append(f"{median(values).value:.0f}" if values else _NONE)
        rows.append([title, *cells, _REACH.get(title, "")])
    for title, (metric, unit, digits) in _SIZES.items():
        cells = [
            f"{results.sizes[name][metric] / unit:.{digits}f}"
            if metric in results.sizes.get(name, {})
            else _NONE
            for name in names
        ]
        rows.append([title, *cells, _REACH.get(title, "")])
    cells = []
    for name in names:
        digests = results.digests.get(name, [])
        same = "yes" if len(set(digests)) == 1 else "no"
        cells.append(f"{same}, of {len(digests)}" if len(digests) > 1 else _NONE)
    rows.append(["same image each time from nothing", *cells, "yes"])
    return markdown_table(["", *names, "to reach"], rows)


def plots(results: Results) -> dict[str, dict[str, Estimate]]:
    """The bars of each row that was measured."""
    panels: dict[str, dict[str, Estimate]] = {}
    for title, (row, metric, _, _) in _TIMES.items():
        bars = {
            name: median(values)
            for name in results.warm.variants
            if (values := _values(_measurements(results, row), name, metric))
        }
        if bars:
            panels[title] = bars
    if starts := results.starts.phases.values:
        panels[_START] = {name: median(metrics[TOTAL]) for name, metrics in starts.items()}
    return panels


def profile_table(results: Results, name: str) -> str:
    """Where the time of a one-line change goes; warm-ups are left out."""
    found = results.profiles[name][-results.warm.rounds :]
    names = dict.fromkeys(phase for each in found for phase in each)
    rows = [
        [phase, median([each.get(phase, 0.0) for each in found]).text(2)]
        for phase in sorted(names, key=lambda phase: phase in (BETWEEN, AFTER))
    ]
    return markdown_table(["phase", "s"], rows)


def start_parts(starts: Starts) -> list[str]:
    """Where the time of a start goes, as far as it was measured."""
    parts = []
    if starts.phases.values:
        parts.append(f"**Where the time of a start goes**\n\n{phases_table(starts)}")
    if starts.imports:
        parts.append(
            "**Imports, by `-X importtime`, in starts of their own that are slower for it**\n\n"
            f"{imports_table(starts)}"
        )
    return parts


def write(directory: Path, results: Results, record: Mapping[str, str]) -> None:
    """Write the measurements, the plot and the section of the page in `directory`.

    Elsewhere than in docs/benchmarks, a page is made for it.

    Raises:
        PageError: the page has no such section.
    """
    page = directory / "image.md"
    if not page.exists():
        directory.mkdir(parents=True, exist_ok=True)
        page.write_text(_PAGE, encoding="utf-8")
    results.save(directory / "image-results.json")
    plot = directory / "image-results.svg"
    draw_bars(plot, "Seconds (median, 95% interval)", plots(results))
    parts = [
        (
            f"Medians with 95% intervals of {results.warm.rounds} rounds, "
            f"{results.requirement.rounds} for the requirement, {results.cold.rounds} from nothing."
        ),
        environment_list(record),
        table(results),
        f"![Seconds of each way to build]({plot.name})",
        *(
            f"**Where the time of a one-line change goes: {name}**\n\n"
            f"{profile_table(results, name)}"
            for name in (ARCHIVE, IMAGE, BYTECODE)
            if results.profiles.get(name)
        ),
        *start_parts(results.starts),
    ]
    replace_section(page, "results", "\n\n".join(parts))
