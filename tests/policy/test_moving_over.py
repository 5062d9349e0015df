"""docs/moving-over.md lists what the command finds."""

from __future__ import annotations

from docs.moving_over import MARK, PAGE, page

from fastapp.upgrade.names import MODULES


def test_the_page_is_current() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run: python3 build-support/docs/moving_over.py"


def test_the_text_above_the_tables_is_kept() -> None:
    made = page(f"# Title\n{MARK}old tables")
    assert made.startswith(f"# Title\n{MARK}")
    assert "old tables" not in made
    for name in MODULES:
        assert f"| `{name}` |" in made
