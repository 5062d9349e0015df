"""What a container sees of layers, and what is ours."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from image_view import ImageView, read_image
from layout_builder import Node, Tree, directory, symlink, write_layout
from oci_layout import Layout, LayoutError


def view(place: Path, *layers: Tree, base_layers: int = 1) -> ImageView:
    layout = Layout(write_layout(place, layers, {}, base_layers=base_layers))
    (manifest,) = layout.images()
    return read_image(layout, manifest, None)


def test_later_layers_win(tmp_path: Path) -> None:
    image = view(tmp_path, {"etc/a": "old", "etc/b": "kept"}, {"./etc/a": "new"})
    assert {path: entry.read() for path, entry in image.files.items()} == {
        "etc/a": b"new",
        "etc/b": b"kept",
    }
    assert [(entry.path, entry.layer) for entry in image.added] == [("etc/a", 1)]


def test_whiteouts(tmp_path: Path) -> None:
    base = {"a/1": "", "a/2": "", "b/1": "", "b/c/2": "", "d/1": "", "e": ""}
    ours = {"a/.wh.1": "", "b/.wh..wh..opq": "", "b/new": "", ".wh.d": ""}
    image = view(tmp_path, base, ours)
    assert sorted(image.files) == ["a/2", "b/new", "e"]
    assert [entry.path for entry in image.added] == ["b/new"], "a whiteout brings nothing"


def test_a_file_in_place_of_a_directory(tmp_path: Path) -> None:
    image = view(tmp_path, {"a": directory(), "a/b": ""}, {"a": "file"})
    assert sorted(image.files) == ["a"]


def test_links_on_the_way(tmp_path: Path) -> None:
    base: Tree = {"usr/bin": directory(), "bin": symlink("usr/bin"), "usr/bin/sh": "old"}
    image = view(tmp_path, base, {"bin/sh": "new", "bin/.wh.gone": ""})
    assert image.files["usr/bin/sh"].read() == b"new"
    assert "bin/sh" not in image.files
    found = image.resolve("/bin/sh")
    assert found is not None
    assert found.path == "usr/bin/sh"


def test_links_that_lead_nowhere_or_round(tmp_path: Path) -> None:
    image = view(tmp_path, {"a": symlink("b"), "b": symlink("a"), "c": symlink("/none/x")}, {})
    assert image.resolve("a") is None
    assert image.resolve("a/x") is None
    assert image.resolve("c") is None
    assert image.resolve("../../../a/../c") is None


def test_hard_links(tmp_path: Path) -> None:
    image = view(tmp_path, {"a": "x", "b": Node(link="a", kind=tarfile.LNKTYPE)}, {})
    found = image.resolve("b")
    assert found is not None
    assert found.read() == b"x"


def test_a_repeated_directory_is_not_ours(tmp_path: Path) -> None:
    base = {"etc": directory(), "var": directory()}
    image = view(tmp_path, base, {"etc": directory(), "var": directory(0o777)})
    assert [entry.path for entry in image.added] == ["var"]


def test_no_layer_of_a_base(tmp_path: Path) -> None:
    image = view(tmp_path, {"a": ""}, {"b": ""}, base_layers=0)
    assert [entry.path for entry in image.added] == ["a", "b"]
    assert [entry.path for entry in image.below("/")] == []


@pytest.mark.parametrize("compress", [True, False])
def test_media_types(tmp_path: Path, compress: bool) -> None:
    layout = Layout(write_layout(tmp_path, [{"a": "x"}], {}, compress=compress))
    (manifest,) = layout.images()
    assert read_image(layout, manifest, 0).files["a"].read() == b"x"


def test_another_media_type(tmp_path: Path) -> None:
    layout = Layout(write_layout(tmp_path, [{"a": "x"}], {}))
    (manifest,) = layout.images()
    manifest.manifest["layers"][0]["mediaType"] += "+zstd"
    with pytest.raises(LayoutError, match=r"is of the media type '.*gzip\+zstd'; this reads"):
        read_image(layout, manifest, None)


@pytest.mark.parametrize(
    ("annotated", "given", "error"),
    [
        (None, None, "does not say which of its 1 layers are those of its base"),
        (5, None, "has 1 layers, of which '5' are to be those of its base"),
        (1, 2, "has 1 layers, of which '2' are to be those of its base"),
    ],
)
def test_unknown_base(tmp_path: Path, annotated: int | None, given: int | None, error: str) -> None:
    layout = Layout(write_layout(tmp_path, [{"a": "x"}], {}, base_layers=annotated))
    (manifest,) = layout.images()
    with pytest.raises(LayoutError, match=error):
        read_image(layout, manifest, given)


@pytest.mark.parametrize(
    ("identifiers", "error"),
    [
        ([], "has 1 layers, but its configuration names 0 'diff_ids'"),
        (["sha256:00"], "but the configuration's 'diff_ids' say sha256:00"),
    ],
)
def test_wrong_identifiers(tmp_path: Path, identifiers: Sequence[str], error: str) -> None:
    layout = Layout(write_layout(tmp_path, [{"a": "x"}], {}))
    (manifest,) = layout.images()
    manifest.config["rootfs"]["diff_ids"] = identifiers
    with pytest.raises(LayoutError, match=error):
        read_image(layout, manifest, None)
