"""Layers in zstd, judged by the `zstd` program."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import zstd_layer

# Compressible, and of more than one block.
CONTENT = b"".join(hashlib.sha256(bytes([number])).digest() * 500 for number in range(100))


def written(folder: Path, content: bytes = CONTENT) -> Path:
    (folder / "layer").write_bytes(content)
    assert zstd_layer.main([str(folder / "layer"), str(folder / "packed")]) == 0
    return folder / "packed"


def test_the_program_of_zstd_reads_it(tmp_path: Path) -> None:
    packed = written(tmp_path)
    unpacked = subprocess.run(["zstd", "-dc", packed], capture_output=True, check=True).stdout
    assert unpacked == CONTENT
    assert packed.stat().st_size < len(CONTENT) / 10


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    """On one processor and on all, and under another name."""
    first = written(tmp_path).read_bytes()
    (tmp_path / "other").write_bytes(CONTENT)
    words = [sys.executable, zstd_layer.__file__, "other", "again"]
    subprocess.run(["taskset", "--cpu-list", "0", *words], cwd=tmp_path, check=True)
    assert (tmp_path / "again").read_bytes() == first


def test_what_a_sandbox_without_the_library_says(tmp_path: Path) -> None:
    code = "import zstd_layer; print(zstd_layer.is_readable())"
    words = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append('.'); {code}"]
    done = subprocess.run(
        words, cwd=Path(zstd_layer.__file__).parent, capture_output=True, text=True, check=True
    )
    assert (done.stdout, zstd_layer.is_readable()) == ("False\n", True)


def test_several_frames_are_one_layer(tmp_path: Path) -> None:
    packed = written(tmp_path)
    packed.write_bytes(packed.read_bytes() * 2)
    assert zstd_layer.is_zstd(str(packed))
    with zstd_layer.opened(packed) as file:
        assert file.read() == CONTENT * 2


@pytest.mark.parametrize("position", [0, 2000, -1])
def test_another_byte_is_an_error(tmp_path: Path, position: int) -> None:
    packed = written(tmp_path)
    content = bytearray(packed.read_bytes())
    content[position] ^= 1
    packed.write_bytes(content)
    assert zstd_layer.is_zstd(str(packed)) == (position != 0)
    with zstd_layer.opened(packed) as file, pytest.raises(OSError, match="zstd"):
        file.read()
