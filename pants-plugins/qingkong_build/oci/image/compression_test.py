"""What is made in memory is what the script makes."""

from __future__ import annotations

from pathlib import Path

import convert_layer

from qingkong_build.oci.image.compression import compressed


def test_a_compressed_layer_is_that_of_the_script(tmp_path: Path) -> None:
    layer = b"layer " * 50_000
    (tmp_path / "layer").write_bytes(layer)
    output = tmp_path / "layer.gz"
    assert convert_layer.main(["gzip", str(tmp_path / "layer"), str(output)]) == 0
    assert output.read_bytes() == compressed(layer)
