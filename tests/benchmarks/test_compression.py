"""What zstd saves: on layers made for it, whose sizes other code gives too."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
import zstandard
import zstd_layer
from benchmarks.own_layouts import layout

from image.compression_program import main, measure

SMALL, LARGE = (hashlib.sha256(b"seed").digest() * count for count in (10, 10_000))


def test_the_layers_above_the_base(tmp_path: Path) -> None:
    found = measure(layout(tmp_path / "oci", b"base", SMALL, LARGE), 1)
    assert [row.name for row in found] == ["layer 1", "layer 2"]
    compressor = zstandard.ZstdCompressor(level=zstd_layer.LEVEL, write_checksum=True)
    assert [(row.plain, row.gzip.size, row.zstd.size) for row in found] == [
        (len(each), len(gzip.compress(each, 6)), len(compressor.compress(each)))
        for each in (SMALL, LARGE)
    ]


def test_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(layout(tmp_path / "oci", b"base", SMALL, LARGE)), "--runs=1"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith(f"| all | {len(SMALL) + len(LARGE)} | ")


def test_no_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path) in error
    assert "Fix: name one" in error
