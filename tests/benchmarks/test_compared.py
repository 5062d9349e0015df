"""The figures of docs/compared.md are those of the benchmark's page, and no other."""

from __future__ import annotations

from pathlib import Path

from pages import read_sections


def table(text: str, columns: set[str]) -> dict[str, dict[str, str]]:
    """The cells of the first table of a text that has these columns, by row and column."""
    found: dict[str, dict[str, str]] = {}
    names: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if not names and columns <= set(cells):
            names = cells
        elif names and not cells:
            break
        elif names and not cells[1].startswith("--"):
            found[cells[0]] = dict(zip(names, cells, strict=True))
    return found


def test_each_figure_is_the_benchmarks() -> None:
    columns = {"deploy:image", "plain docker_image", "old", "uv"}
    section = read_sections(Path("docs/compared.md"))["Measured here"]
    page = Path("docs/benchmarks/image.md").read_text(encoding="utf-8")
    compared, measured = table(section.text, columns), table(page, columns)
    assert len(compared) >= 5
    for row, cells in compared.items():
        medians = {name: measured[row][name].partition(" [")[0] for name in columns}
        assert {name: cells[name] for name in columns} == medians, row
    for fact in ("date", "commit"):
        # The page has others of its build from nothing, further down.
        value = page.partition(f"- {fact}: ")[2].partition("\n")[0]
        assert value
        assert value in section.text
