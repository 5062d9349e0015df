"""What hard links would save: on layers made for it, which every tool can unpack both ways."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from benchmarks.own_layouts import layout

from image.identical_program import Saved, add_layer, main, measure, packed_size

CONTENT = hashlib.sha256(b"seed").digest() * 64


def layer(*files: tuple[str, bytes, int]) -> bytes:
    """A layer of these names, contents and modes."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return output.getvalue()


@pytest.mark.parametrize(
    ("second", "identical"),
    [
        (("b", CONTENT, 0o644), 1),
        (("b", CONTENT, 0o755), 0),
        (("b", CONTENT + b"x", 0o644), 0),
    ],
)
def test_files_are_identical_with_their_modes(
    second: tuple[str, bytes, int], identical: int
) -> None:
    saved = Saved()
    add_layer(saved, layer(("a", CONTENT, 0o644), second))
    assert (saved.files, saved.identical) == (2, identical)


def test_what_links_save() -> None:
    files = [(f"{number}", CONTENT, 0o644) for number in range(50)]
    saved = Saved()
    add_layer(saved, plain := layer(*files))
    assert (saved.plain, saved.packed) == (len(plain), packed_size(plain))
    assert saved.plain - saved.plain_linked >= 49 * len(CONTENT)
    assert saved.packed_linked < saved.packed


def test_empty_files_are_no_links() -> None:
    saved = Saved()
    add_layer(saved, layer(("a", b"", 0o644), ("b", b"", 0o644)))
    assert (saved.files, saved.identical, saved.plain_linked) == (2, 0, saved.plain)


def test_the_layers_of_the_base_and_other_layers_do_not_count(tmp_path: Path) -> None:
    same = layer(("a", CONTENT, 0o644))
    twice = layer(("b", CONTENT, 0o644), ("c", CONTENT, 0o644))
    saved = measure(layout(tmp_path / "oci", twice, same, twice))
    assert (saved.files, saved.identical) == (3, 1)


def test_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = layer(("a", CONTENT, 0o644), ("b", CONTENT, 0o644))
    assert main([str(layout(tmp_path / "oci", same, same))]) == 0
    assert "1 of 2 files are identical" in capsys.readouterr().out


def test_no_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path) in error
    assert "Fix: name one" in error
