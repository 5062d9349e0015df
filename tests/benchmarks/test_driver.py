"""benchmarks/driver runs, with real drivers and a real server, and measures what it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from driver.program import main
from driver.rows import COLUMNS, rows
from driver.timing import Size, digest, expect, taking
from driver.variants import ATTEMPTS, BASELINE, VARIANTS, Variant, VariantError
from measuring.rounds import Measurements

PEXES = Path("benchmarks.driver")
SIZE = Size(rows=100, points=1, inserts=1, pooled=1)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The committed page, where a run may write to it."""
    return Path(shutil.copy("docs/benchmarks/driver.md", tmp_path))


def run(variants: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PEXES / "program.pex"), f"--variants={variants}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def test_a_quick_run_writes_the_page(tmp_path: Path) -> None:
    # It takes the committed one there.
    page = tmp_path / "out" / "driver.md"
    result = run(PEXES, "--quick", "--rounds=3", f"--out={page.parent}")
    assert result.returncode == 0, result.stdout + result.stderr
    results = Measurements.load(page.parent / "driver-results.json")
    assert results.rounds == 3
    assert results.variants == [variant.name for variant in VARIANTS]
    for name in results.variants:
        assert list(results.values[name]) == [
            f"{workload} {kind}"
            for workload in ("scan", "point", "insert", "pool")
            for kind in ("wall", "cpu")
        ]
        assert all(value > 0 for value in results.column(name, "scan wall"))
    text = page.read_text()
    section = text[text.index("<!-- results: written") : text.index("<!-- results: end")]
    assert section.count(f"| {BASELINE} |") == 4
    for title in ("Scan: 500 rows", "Point queries: 20", "Bulk insert: 50", "Pool: 50 clients"):
        assert title in section
    assert "Medians of 3 rounds" in section
    assert "- server: MariaDB 1" in section
    assert "- drivers: asyncmy 0.2.18, aiomysql 0" in section
    assert "](driver-results.svg)" in section
    assert "asyncmy-speed" in (page.parent / "driver-results.svg").read_text()
    # In the second round the last is the first.
    order = [line.split()[-1] for line in result.stdout.splitlines() if "  round " in line]
    names = results.variants
    assert order == [*names, *reversed(names), *names]


def test_a_wheel_in_the_place_of_another_is_refused(page: Path, tmp_path: Path) -> None:
    before = page.read_text()
    swapped = tmp_path / "pexes"
    shutil.copytree(PEXES, swapped)
    shutil.copy(PEXES / "asyncmy-index.pex", swapped / "asyncmy-documented.pex")
    result = run(swapped, "--quick", f"--out={page.parent}")
    assert result.returncode == 1
    assert (
        "asyncmy-documented runs version and profile ('0.2.18', None), not "
        "('0.2.18', 'documented'): another wheel was chosen."
    ) in result.stderr
    assert page.read_text() == before


def test_quick_figures_are_kept_off_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--variants=.", "--quick"])
    assert "--quick needs --out DIRECTORY" in capsys.readouterr().err


def test_figures_without_a_page_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["--variants=.", "--quick", "--out=out"])
    assert "--out=out has no driver.md, of which a section is written" in capsys.readouterr().err


def test_no_rounds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--variants=.", "--rounds=0"])
    assert "--rounds=0: there must be at least 1" in capsys.readouterr().err


def identity(**changes: Any) -> dict[str, Any]:
    return {
        "version": "1.0",
        "record": {"profile": "speed"},
        "libraries": {"a.so": "00"},
        "loaded": ["a.so"],
        **changes,
    }


def test_a_process_is_known_by_what_it_loaded() -> None:
    Variant("x", "x", "1.0", "speed").check(identity())
    Variant("x", "x").check(identity(record=None))
    for variant, found in (
        (Variant("x", "x", "1.1", "speed"), identity()),
        (Variant("x", "x", "1.0", "documented"), identity()),
        (Variant("x", "x", "1.0"), identity()),
        (Variant("x", "x", "1.0", "speed"), identity(record=None)),
    ):
        with pytest.raises(VariantError, match="another wheel was chosen"):
            variant.check(found)
    with pytest.raises(VariantError, match=r"has loaded none of \['a.so'\]"):
        Variant("x", "x", "1.0", "speed").check(identity(loaded=[]))


def test_every_variant_has_a_pex() -> None:
    text = Path("benchmarks/driver/BUILD").read_text()
    for variant in (*VARIANTS, *ATTEMPTS):
        name = variant.name
        assert f'"{name}"' in text or f'"{name.removeprefix("asyncmy-")}"' in text, name
    names = [variant.name for variant in (*VARIANTS, *ATTEMPTS)]
    assert {names.count(name) for name in set(names) - {BASELINE, "asyncmy-speed"}} == {1}


def test_rows_are_mixed_and_the_same_each_time() -> None:
    made = list(rows(100))
    assert made == list(rows(100))
    assert {len(row) for row in made} == {len(COLUMNS)} == {10}
    assert [row[0] for row in made] == list(range(100))
    assert {type(value).__name__ for value in made[1]} == {
        *("int", "str", "float", "datetime", "date", "bytes"),
    }
    assert made[0][6] is None
    assert digest(made) != digest(made[1:])


def test_keys_are_those_of_rows() -> None:
    keys = SIZE.keys(1000)
    assert set(keys) == set(range(100))
    assert keys != sorted(keys)


def test_work_that_was_not_done_is_refused() -> None:
    with pytest.raises(RuntimeError, match="rows of the scan: expected 2, but the driver gave 1"):
        expect("rows of the scan", 1, 2)


def test_time_of_the_processor_and_of_the_clock_is_taken() -> None:
    with taking() as taken:
        total = sum(number * number for number in range(100_000))
    assert total > 0
    assert set(taken) == {"wall", "cpu"}
    assert taken["wall"] > 0
    assert taken["cpu"] >= 0
