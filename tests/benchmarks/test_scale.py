"""Repositories of many apps, what a daemon uses, and how values grow."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from measuring.plots import draw_growth
from scale.daemon import usage
from scale.measure import ROWS, Size
from scale.report import exponent, table, write
from scale.repository import DEPTH, app_name, grow, library_name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with the example app."""
    shutil.copytree("src/apps/shop", tmp_path / "src" / "apps" / "shop")
    return tmp_path


def size(apps: int, seconds: float) -> Size:
    return Size(
        apps,
        seconds=dict.fromkeys(ROWS, seconds),
        first=dict.fromkeys(ROWS, 10 * seconds),
        memory=[seconds, seconds],
        restarts=apps // 100,
    )


def test_apps_are_the_example_under_other_names(root: Path) -> None:
    grow(root, 11)
    example, apps = root / "src/apps/shop", root / "src/apps"
    assert sorted(path.name for path in apps.iterdir()) == [*map(app_name, range(11)), "shop"]
    for name in map(app_name, range(11)):
        found = {path.relative_to(apps / name) for path in (apps / name).rglob("*.py")}
        renamed = {
            Path(str(path.relative_to(example)).replace("shop", name))
            for path in example.rglob("*.py")
        }
        assert found == renamed
        assert "shop" not in (apps / name / "models.py").read_text(encoding="utf-8").lower()
        service = (root / "services" / name / "BUILD").read_text(encoding="utf-8")
        assert f'apps=["src/apps/{name}"]' in service


def test_ten_apps_share_a_chain_of_libraries(root: Path) -> None:
    grow(root, 11)
    libraries = root / "src/libs"
    assert len(list(libraries.iterdir())) == 2 * DEPTH
    for number in (0, 9, 10):
        views = (root / "src/apps" / app_name(number) / "views.py").read_text(encoding="utf-8")
        assert f"from libs.{library_name(number // 10, 0)} import scaled\n" in views
    for level in range(DEPTH):
        text = (libraries / library_name(1, level) / "__init__.py").read_text(encoding="utf-8")
        assert (f"from libs.{library_name(1, level + 1)} import" in text) == (level < DEPTH - 1)


def test_another_example_is_an_error(root: Path) -> None:
    views = root / "src/apps/shop/views.py"
    views.write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match=r"src/apps/shop/views\.py.*0 times.*Fix: "):
        grow(root, 1)


def test_what_a_daemon_uses(tmp_path: Path) -> None:
    assert usage(tmp_path) is None
    file = tmp_path / ".pids" / "host" / "pantsd" / "pid"
    file.parent.mkdir(parents=True)
    file.write_text(str(os.getpid()))
    found = usage(tmp_path)
    assert found is not None
    used = os.times()
    assert found.process == os.getpid()
    assert 0 < found.own <= used.user + used.system + 0.1
    assert found.memory > 1_000_000
    # One that has ended, and left its file.
    file.write_text(str(2**22))
    assert usage(tmp_path) is None


def test_growth() -> None:
    assert exponent((10, 2.0), (1000, 2.0)) == 0
    assert exponent((10, 2.0), (100, 20.0)) == pytest.approx(1)
    for large in ((10, 3.0), (100, 0.0)):
        with pytest.raises(ValueError, match="no growth from"):
            exponent((10, 2.0), large)


def test_the_page(tmp_path: Path) -> None:
    sizes = [size(10, 1.0), size(100, 10.0)]
    lines = table(sizes).splitlines()
    assert lines[0] == "|  | 10 apps | 100 apps | exponent |"
    assert "| list :: | 1.00 | 10.00 | 1.00 |" in lines
    assert lines[-1] == "| restarts of the daemon | 0 | 1 |  |"
    assert table(sizes[:1]).splitlines()[0] == "|  | 10 apps |"
    write(tmp_path, sizes, {"date": "today"})
    page = (tmp_path / "scale.md").read_text(encoding="utf-8")
    assert "| list :: | 10 | 100 |" in page
    assert "- date: today" in page
    assert "<svg" in (tmp_path / "scale.svg").read_text(encoding="utf-8")


def test_nothing_is_no_picture(tmp_path: Path) -> None:
    nothing: list[dict[str, list[tuple[float, float]]]] = [{}, {"none": []}]
    for lines in nothing:
        with pytest.raises(ValueError, match=r"nothing to draw in x\.svg"):
            draw_growth(tmp_path / "x.svg", "title", lines)
