"""The page: what is to be reached, what was, and all figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.estimates import Estimate, median, ratio
from measuring.pages import environment_list, markdown_table, replace_section
from measuring.plots import draw_bars
from measuring.rounds import Measurements

PLOT = "server.svg"
_SECONDS_TO_MS = 1000


def reach(found: Mapping[str, Measurements]) -> list[list[str]]:
    """The rows of issue and page: what, the figure, the goal, and whether it is reached."""
    help_ms, about_ms = (
        median(found["commands"].column(f"manage.py {name}", "ms")) for name in ("--help", "about")
    )
    services, proxies, paced = found["services"], found["proxies"], found["paced"]
    served = ratio(services.column("runserver-aio", "rate"), services.column("FastAPI", "rate"))
    direct = proxies.column("direct", "rate")
    through = ratio(proxies.column("gateway", "rate"), direct)
    beside = ratio(proxies.column("gateway", "rate"), proxies.column("nginx", "rate"))
    late = ratio(paced.column("gateway", "p99"), paced.column("direct", "p99"))
    growth = median(found["memory"].column("gateway", "mib"))
    starts = found["starts"]
    counts = starts.variants
    most = median(starts.column(counts[-1], "seconds"))
    return [
        _row("`manage.py --help`", help_ms, "150 ms or less", help_ms.value <= 150, 0, " ms"),
        _row("`manage.py about`", about_ms, "400 ms or less", about_ms.value <= 400, 0, " ms"),
        _row(
            "`runserver-aio`, JSON endpoint, requests/s against bare FastAPI on the same uvicorn",
            served,
            "0.95 or more",
            served.value >= 0.95,
        ),
        _row(
            "gateway, requests/s against the service direct",
            through,
            "0.6 or more",
            through.value >= 0.6,
        ),
        _row("gateway, requests/s against Debian's nginx as proxy", beside, "shown", None),
        _row(
            "p99 through the gateway at half its capacity, against direct",
            late,
            "3 or less",
            late.value <= 3,
            2,
        ),
        _row(
            "memory of the gateway during the upload",
            growth,
            "32 MiB or less",
            growth.value <= 32,
            1,
            " MiB",
        ),
        _row(f"start with {counts[-1]} apps", most, "3 s or less", most.value <= 3, 2, " s"),
        _row(
            "processor time of an app more at the end of that, against at its beginning",
            slopes(starts),
            "1: linear",
            None,
            2,
        ),
    ]


def slopes(starts: Measurements) -> Estimate:
    """What the later half of the apps costs each, against the earlier half, in each round."""
    counts = [int(name) for name in starts.variants]
    columns = [starts.column(str(count), "cpu") for count in counts]
    middle = (len(counts) - 1) // 2 or len(counts) - 1

    def slope(low: int, high: int) -> list[float]:
        apps = counts[high] - counts[low]
        return [(b - a) / apps for a, b in zip(columns[low], columns[high], strict=True)]

    later = slope(middle if middle < len(counts) - 1 else 0, len(counts) - 1)
    # A median of each: the difference of two starts may even be negative in one round.
    base = median(slope(0, middle))
    return median([value / base.value for value in later])


def _row(
    what: str,
    value: Estimate,
    goal: str,
    reached: bool | None,
    digits: int = 3,
    unit: str = "",
) -> list[str]:
    verdict = "" if reached is None else "yes" if reached else "**no**"
    return [what, f"{value.text(digits)}{unit}", goal, verdict]


def details(found: Mapping[str, Measurements]) -> str:
    """Every figure, with medians and intervals."""
    parts = []
    for heading, name, reference in (
        ("Services", "services", "FastAPI"),
        ("Proxies", "proxies", "direct"),
    ):
        rows = _compared(found[name], reference)
        headers = [heading, "requests/s", f"against {reference}", "processor, µs a request"]
        parts.append(markdown_table([*headers, f"against {reference}"], rows))
    paced = found["paced"]
    rate = paced.column("gateway", "rate")[0]
    parts.append(
        markdown_table(
            [f"At {rate:,.0f} requests/s", "p99, ms"],
            [[name, median(paced.column(name, "p99")).text(2)] for name in paced.variants],
        )
    )
    commands = found["commands"]
    parts.append(
        markdown_table(
            ["Command", "ms"],
            [[name, median(commands.column(name, "ms")).text(0)] for name in commands.variants],
        )
    )
    starts = found["starts"]
    parts.append(
        markdown_table(
            ["Start with apps", "seconds", "of processor"],
            [
                [name, *(median(starts.column(name, key)).text(2) for key in ("seconds", "cpu"))]
                for name in starts.variants
            ],
        )
    )
    return "\n\n".join(parts)


def _compared(found: Measurements, reference: str) -> list[list[str]]:
    rows = []
    for name in found.variants:
        cells = [name]
        for metric, digits in (("rate", 0), ("cpu", 1)):
            values = found.column(name, metric)
            cells.append(median(values).text(digits))
            cells.append(ratio(values, found.column(reference, metric)).text(2))
        rows.append(cells)
    return rows


def write(page: Path, found: Mapping[str, Measurements], record: Mapping[str, str]) -> None:
    """Write the page's sections and the plot beside it."""
    table = markdown_table(
        ["", "measured [95% interval]", "reach", "reached"], reach(found), numbers=False
    )
    replace_section(page, "reach", f"{table}\n\n{environment_list(record)}")
    replace_section(page, "figures", details(found))
    draw_bars(
        page.with_name(PLOT),
        "Requests in a second, against the first of each",
        {
            "services": _bars(found["services"], "FastAPI"),
            "proxies": _bars(found["proxies"], "direct"),
        },
        reference=1.0,
    )


def _bars(found: Measurements, reference: str) -> dict[str, Estimate]:
    base: Sequence[float] = found.column(reference, "rate")
    return {name: ratio(found.column(name, "rate"), base) for name in found.variants}
