"""What a failed comparison of images says."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from incremental.layouts import Layout, differences


def layout(folder: Path, files: dict[str, bytes], level: int = 6) -> Layout:
    """One layer with these files."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    packed = gzip.compress(plain.getvalue(), level, mtime=0)
    digest = hashlib.sha256(packed).hexdigest()
    blob = folder / "blobs" / "sha256" / digest
    blob.parent.mkdir(parents=True)
    blob.write_bytes(packed)
    return Layout(folder, f"sha256:{digest}", {f"sha256:{digest}": len(packed)})


FILES = {"app/one.py": b"one = 1\n" * 40, "app/two.py": b"two = 2\n"}


@pytest.mark.parametrize(
    ("changed", "level", "parts"),
    [
        (
            {**FILES, "app/two.py": b"two = 3\n"},
            6,
            ("  app/two.py: 644 0:0 0 ", "-two = 2", "+two = 3"),
        ),
        ({"app/one.py": FILES["app/one.py"]}, 6, (" and missing", "app/two.py")),
        (FILES, 1, ("the entries are the same: their order or the compression differs",)),
        ({name: FILES[name] for name in reversed(FILES)}, 6, ("the entries are the same",)),
    ],
)
def test_what_differs_is_said(
    tmp_path: Path, changed: dict[str, bytes], level: int, parts: tuple[str, ...]
) -> None:
    text = differences(layout(tmp_path / "one", FILES), layout(tmp_path / "two", changed, level))
    assert "app/one.py:" not in text.partition("---")[0]
    for part in parts:
        assert part in text


def test_the_same_has_no_differences(tmp_path: Path) -> None:
    one, other = layout(tmp_path / "one", FILES), layout(tmp_path / "two", FILES)
    assert differences(one, other) == ""
