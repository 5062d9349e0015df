"""Layers in their two forms."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import convert_layer
import pytest


def test_compressed_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    content = b"content " * 1000
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(content)
        assert convert_layer.main(["gzip", str(tmp_path / name), str(tmp_path / f"{name}.gz")]) == 0
    packed = (tmp_path / "one.gz").read_bytes()
    assert packed == (tmp_path / "two.gz").read_bytes()
    assert (
        subprocess.run(["gzip", "-d"], input=packed, capture_output=True, check=True).stdout
        == content
    )


def test_decompressing_gives_the_content_back(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(gzip.compress(b"content"))
    output = tmp_path / "new" / "layer.tar"
    assert convert_layer.main(["decompress", str(tmp_path / "layer"), str(output)]) == 0
    assert output.read_bytes() == b"content"


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"x" * 999)[:-12]])
def test_a_layer_that_is_broken_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    source = tmp_path / "layer"
    source.write_bytes(content)
    assert convert_layer.main(["decompress", str(source), str(tmp_path / "out")]) == 1
    assert f"the layer {source} is not what its name says" in capsys.readouterr().err
