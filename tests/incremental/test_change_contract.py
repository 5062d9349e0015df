"""What a change rebuilds: one layer, and nothing of what did not change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from incremental.conftest import TARGET
from incremental.layouts import Layout

from image.recipes import PACKAGE, append_line
from image.requirement import RELEASES, fetch, lock
from measuring.clone import Clone, processes, started
from measuring.commands import run

# What no edit of our own sources has to do with.
_OTHERS = re.compile(
    r"requirement|resolve|wheel|driver|distribution|\.pex|gcc|python", re.IGNORECASE
)
_LARGEST = 300_000


def changed(before: Layout, after: Layout) -> dict[str, int]:
    """The layers that were not there before; all others are, in their places."""
    assert len(before.layers) == len(after.layers)
    pairs = zip(before.layers, after.layers, strict=True)
    return {new: after.layers[new] for old, new in pairs if old != new}


def test_nothing_runs_when_nothing_changed(tree: Clone, built: Layout) -> None:
    tree.pants("package", TARGET)
    done = tree.pants("package", TARGET)
    assert started(done) == []
    assert processes(done) == 0


def test_an_edited_line_is_one_small_layer(tree: Clone, built: Layout) -> None:
    before = Layout.read(tree.root)
    append_line(tree.root / "src" / PACKAGE)
    done = tree.pants("package", TARGET)
    (size,) = changed(before, Layout.read(tree.root)).values()
    assert size <= _LARGEST
    ran = started(done)
    # The layer, its compressed form, and the archive.
    assert 1 <= processes(done) <= 3, ran
    assert [each for each in ran if _OTHERS.search(each)] == []


def test_a_requirement_is_one_layer(
    tree: Clone, built: Layout, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = Layout.read(tree.root)
    python = run([tree.root / "build-support/setup/python.sh", "3.12"], tree.root, tree.variables)
    release = fetch(Path(python.output.strip()), RELEASES[0], tmp_path_factory.mktemp("release"))
    lock(tree.root, release)
    done = tree.pants("package", TARGET)
    after = Layout.read(tree.root)
    (layer,) = changed(before, after)
    names = {name for name, _ in after.members(layer)}
    assert any(f"/{release.project}-{release.version}.dist-info/" in name for name in names)
    # Neither the driver nor the framework is made again.
    again = re.compile(r"asyncmy|driver|sources")
    assert [each for each in started(done) if again.search(each)] == []
