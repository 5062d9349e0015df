"""What the programs in benchmarks/ measure, compare and report with."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from measuring.clone import clone
from measuring.environment import environment
from measuring.estimates import Estimate, median, ratio
from measuring.pages import PageError, environment_list, markdown_table, replace_section
from measuring.plots import draw_bars
from measuring.rounds import Measurements, Turn, interleaved


def test_rounds_are_interleaved_and_every_second_one_is_reversed() -> None:
    order: list[str] = []
    counter = itertools.count()

    def turn(name: str) -> Turn:
        def run() -> Mapping[str, float]:
            order.append(name)
            return {"wall": float(next(counter))}

        return run

    told: list[tuple[int, str]] = []
    results = interleaved(
        {name: turn(name) for name in "abc"},
        rounds=3,
        warmups=1,
        progress=lambda number, name: told.append((number, name)),
    )
    assert "".join(order) == "cba" + "abc" + "cba" + "abc"
    assert [number for number, _ in told] == [-1] * 3 + [0] * 3 + [1] * 3 + [2] * 3
    assert [name for _, name in told] == order
    # What the warm-up measured (0, 1 and 2) is forgotten.
    assert results.values == {
        "a": {"wall": [3.0, 8.0, 9.0]},
        "b": {"wall": [4.0, 7.0, 10.0]},
        "c": {"wall": [5.0, 6.0, 11.0]},
    }
    assert (results.variants, results.rounds) == (["a", "b", "c"], 3)


@pytest.mark.parametrize(("names", "rounds"), [("", 3), ("ab", 0)])
def test_nothing_to_measure_is_refused(names: str, rounds: int) -> None:
    with pytest.raises(ValueError, match="nothing to measure"):
        interleaved({name: lambda: {"wall": 1.0} for name in names}, rounds)


def test_turns_that_differ_are_refused() -> None:
    results = Measurements()
    results.add("a", {"wall": 1.0})
    with pytest.raises(ValueError, match=r"'a' measured \['cpu'\], the ones before it \['wall'\]"):
        results.add("a", {"cpu": 1.0})


def test_what_was_not_measured_is_named() -> None:
    with pytest.raises(KeyError, match="'cpu' of 'a' was not measured.*wall"):
        Measurements({"a": {"wall": [1.0]}}).column("a", "cpu")


def test_measurements_survive_a_file(tmp_path: Path) -> None:
    results = Measurements({"a": {"wall": [1.5, 2.25]}, "b": {"wall": [0.1, 1e-9]}})
    results.save(tmp_path / "results.json")
    assert Measurements.load(tmp_path / "results.json") == results


def test_the_median_lies_in_its_interval() -> None:
    found = median([5.0, 1.0, 2.0, 3.0, 100.0])
    assert found.value == 3.0
    assert 1.0 <= found.low <= found.value <= found.high <= 100.0
    assert median([2.0]) == Estimate(2.0, 2.0, 2.0)
    # One recording gives one report.
    assert median([5.0, 1.0, 2.0, 3.0, 100.0]) == found


def test_intervals_hold_the_true_median_as_often_as_they_say() -> None:
    source = random.Random(1)
    trials = [
        median([source.lognormvariate(0.0, 0.5) for _ in range(31)]).excludes(1.0)
        for _ in range(300)
    ]
    # The percentile bootstrap of a median is a little too wide: 3-6% instead of 5% of 300.
    assert 2 <= sum(trials) <= 27


def test_ratios_are_of_rounds() -> None:
    # The machine became ten times slower half-way; the ratio did not change.
    baseline = [1.0, 1.0, 10.0, 10.0]
    assert ratio([0.5, 0.5, 5.0, 5.0], baseline) == Estimate(0.5, 0.5, 0.5)
    assert ratio([0.5, 0.5, 5.0, 5.0], baseline).excludes(1.0)
    assert not ratio([0.5, 2.0, 5.0, 20.0], baseline).excludes(1.0)


def test_estimates_without_meaning_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        median([])
    with pytest.raises(ValueError, match="2 values and 1 of the baseline"):
        ratio([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="a baseline of 0.0 has no ratio"):
        ratio([1.0, 2.0], [1.0, 0.0])


def test_estimates_have_a_text() -> None:
    assert Estimate(1234.5678, 1000, 2000.5).text(1) == "1,234.6 [1,000.0, 2,000.5]"


def test_the_environment_names_no_machine() -> None:
    record = environment(server="MariaDB 1.2.3")
    assert list(record)[-1] == "server"
    assert record["python"].startswith("3.12")
    assert "cores" in record["processor"]
    assert record["memory"].endswith(" GiB")
    assert str(Path.home()) not in environment_list(record).replace("\n", " ").split()
    assert "- server: MariaDB 1.2.3" in environment_list(record).splitlines()


def test_a_repository_without_history_is_copied_wholly(tmp_path: Path) -> None:
    parts = {
        *("pants", ".ci/run", "services/shop/BUILD", "docs/page.md", "src/dist/BUILD"),
        ".cache/base-image",
    }
    others = {
        *(
            "dist/image.tar",
            ".pants.d/log",
            ".pids/1/pid",
            ".cache/other",
            "pytest.pex/__main__.py",
        ),
        *("src/__pycache__/a.pyc", "src/apps/__pycache__/b.pyc"),
    }
    root = tmp_path / "repository"
    for path in parts | others:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    copy = clone(root, tmp_path / "copy").root
    copied = {str(file.relative_to(copy)) for file in copy.rglob("*") if file.is_file()}
    assert copied == parts


def test_tables() -> None:
    table = markdown_table(["variant", "s"], [["a|b", "1.0"], ["c", "2.0"]])
    assert table.splitlines() == [
        "| variant | s |",
        "| --- | --: |",
        "| a\\|b | 1.0 |",
        "| c | 2.0 |",
    ]
    assert "--:" not in markdown_table(["a", "b"], [["x", "y"]], numbers=False)
    with pytest.raises(ValueError, match="1 cells .* under 2 headers"):
        markdown_table(["variant", "s"], [["a"]])


PAGE = """\
# Page

<!-- table: written by ./run -->
old
<!-- table: end -->
after
<!-- plot: written by ./run -->
<!-- plot: end -->
"""


def test_sections_of_a_page_are_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    for text in ("first", r"second \1"):
        replace_section(page, "table", text)
    replace_section(page, "plot", "![plot](plot.svg)")
    assert page.read_text().splitlines() == [
        "# Page",
        "",
        "<!-- table: written by ./run -->",
        "",
        r"second \1",
        "",
        "<!-- table: end -->",
        "after",
        "<!-- plot: written by ./run -->",
        "",
        "![plot](plot.svg)",
        "",
        "<!-- plot: end -->",
    ]


@pytest.mark.parametrize(("text", "count"), [("# Page\n", 0), (PAGE + PAGE, 2)])
def test_a_page_without_the_section_is_refused(tmp_path: Path, text: str, count: int) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(PageError, match=f"has {count} sections 'table', not one. Put these lines"):
        replace_section(page, "table", "new")
    assert page.read_text() == text


def test_plots_show_every_bar_and_are_the_same_each_time(tmp_path: Path) -> None:
    panels = {
        "scan": {"ours": Estimate(0.9, 0.88, 0.93), "theirs": Estimate(1.0, 1.0, 1.0)},
        "insert": {"ours": Estimate(1.1, 1.0, 1.3)},
    }
    for name in ("a.svg", "b.svg"):
        draw_bars(tmp_path / name, "CPU, ratio", panels, reference=1.0)
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes()
    root = ElementTree.fromstring(content)
    texts = {"".join(node.itertext()).strip() for node in root.iter() if node.tag.endswith("}text")}
    assert {"CPU, ratio", "scan", "insert", "ours", "theirs"} <= texts


def test_a_plot_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to draw in a.svg"):
        draw_bars(tmp_path / "a.svg", "CPU", {"scan": {}})
    assert not (tmp_path / "a.svg").exists()
