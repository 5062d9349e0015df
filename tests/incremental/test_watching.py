"""`./pants --loop package`: a file is saved, and the image is there without another command."""

from __future__ import annotations

from pathlib import Path

from incremental.conftest import TARGET
from incremental.layouts import Layout

from image.recipes import PACKAGE, append_line
from image.watching import watching
from measuring.clone import Clone


def test_an_edit_is_built_while_watching(tree: Clone, built: Layout, tmp_path: Path) -> None:
    mark = "Wrote dist/deploy/oci.tar"
    with watching(tree, TARGET, mark, tmp_path / "log") as watch:
        before = Layout.read(tree.root)
        append_line(tree.root / "src" / PACKAGE)
        watch.wait(2)
        after = Layout.read(tree.root)
    assert after.manifest != before.manifest
    assert len([layer for layer in after.layers if layer not in before.layers]) == 1
