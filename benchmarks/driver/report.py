"""What a run says: tables and plots of its measurements, and the page they are written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from driver.timing import Size
from driver.variants import BASELINE
from measuring.estimates import Estimate, median, ratio
from measuring.pages import environment_list, markdown_table, replace_section
from measuring.plots import draw_bars
from measuring.rounds import Measurements


def headings(size: Size) -> dict[str, str]:
    """What each workload does, by its name."""
    return {
        "scan": f"Scan: {size.rows:,} rows of 10 columns, read and let go of",
        "point": f"Point queries: {size.points:,} rows by key, one after the other",
        "insert": f"Bulk insert: {size.inserts:,} rows of 10 columns by one `executemany`",
        "pool": f"Pool: 50 clients on 50 connections, {size.pooled:,} rows by key each",
    }


def table(results: Measurements, workload: str) -> str:
    """Seconds of processor and clock, and their ratios to the baseline's of the same round."""
    rows = []
    for name in results.variants:
        row = [name]
        for kind in ("cpu", "wall"):
            values = results.column(name, f"{workload} {kind}")
            baseline = results.column(BASELINE, f"{workload} {kind}")
            row += [median(values).text(), "1" if name == BASELINE else _ratio(values, baseline)]
        rows.append(row)
    return markdown_table(["driver", "CPU, s", "ratio", "wall, s", "ratio"], rows)


def _ratio(values: Sequence[float], baseline: Sequence[float]) -> str:
    """Set in bold where the interval says that there is a difference."""
    found = ratio(values, baseline)
    return f"**{found.text(2)}**" if found.excludes(1.0) else found.text(2)


def write(
    directory: Path,
    section: str,
    results: Measurements,
    workloads: Sequence[str],
    size: Size,
    record: Mapping[str, str],
) -> None:
    """Write the measurements, the plot and the section of the page in `directory`.

    Args:
        section: of the page `driver.md`, and the name of the other files.
        workloads: which were run, in order.
        record: the environment.

    Raises:
        PageError: the page has no such section.
    """
    titles = {name: title for name, title in headings(size).items() if name in workloads}
    results.save(directory / f"driver-{section}.json")
    panels: dict[str, dict[str, Estimate]] = {
        title.replace("`", ""): {
            variant: median(results.column(variant, f"{name} cpu")) for variant in results.variants
        }
        for name, title in titles.items()
    }
    plot = directory / f"driver-{section}.svg"
    draw_bars(plot, "Processor time, seconds (median, 95% interval)", panels)
    parts = [
        (
            f"Medians of {results.rounds} rounds with 95% intervals. Ratios are to "
            f"`{BASELINE}` in the same round; those whose interval excludes 1 are bold."
        ),
        environment_list(record),
        *(f"**{title}**\n\n{table(results, name)}" for name, title in titles.items()),
        f"![Processor time of each driver in each workload]({plot.name})",
    ]
    replace_section(directory / "driver.md", section, "\n\n".join(parts))
