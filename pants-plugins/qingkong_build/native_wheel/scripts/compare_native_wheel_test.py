from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import compare_native_wheel as compare
import pytest


def compiled(directory: Path, *flags: str) -> bytes:
    source = directory / "x.c"
    source.write_text("#include <math.h>\ndouble f(double x) { return cos(x); }\n")
    library = directory / "x.so"
    subprocess.run(["gcc", *flags, "-shared", "-fPIC", source, "-o", library, "-lm"], check=True)
    return library.read_bytes()


def test_a_library_with_everything(tmp_path: Path) -> None:
    elf = compiled(tmp_path, "-g", "-O1", "-Wl,-rpath,/home/me/lib", "-Wl,--no-as-needed")
    library = compare.read_library("x.so", elf)
    assert library.size == len(elf)
    assert library.symbols > library.dynamic_symbols > 0
    assert library.debug > 0
    assert {name.split(".")[0] for name in library.needed} >= {"libm"}
    assert library.run_paths == {"/home/me/lib"}
    assert any("GCC" in name for name in library.compilers)
    (flags,) = library.flags
    assert "-O1" in flags.split()


def test_a_stripped_library(tmp_path: Path) -> None:
    library = compare.read_library("x.so", compiled(tmp_path, "-g", "-gz=zlib", "-Os", "-s"))
    assert (library.symbols, library.debug, library.run_paths) == (0, 0, set())
    assert library.flags == set()
    assert library.dynamic_symbols > 0


def test_compressed_debug_information(tmp_path: Path) -> None:
    library = compare.read_library("x.so", compiled(tmp_path, "-g", "-gz=zlib", "-O1"))
    (flags,) = library.flags
    assert "-O1" in flags.split()


def test_columns(tmp_path: Path) -> None:
    elf = compiled(tmp_path, "-Os", "-s")
    files = {"tiny/x.so": elf, "tiny/y.so": elf, "tiny/__init__.py": b"12345"}
    theirs = compare.rows_of(files, None)
    assert theirs["files"] == "3"
    assert theirs["bytes, modules"] == f"{2 * len(elf):,}"
    assert theirs["bytes, all files"] == f"{2 * len(elf) + 5:,}"
    assert theirs["compile flags"] == "not recorded"
    ours = compare.rows_of(files, {"compile_args": ["-Os", "-flto"], "link_args": ["-s"]})
    assert (ours["compile flags"], ours["link flags"]) == ("-Os -flto", "-s")
    assert list(ours) == list(theirs)


def test_table() -> None:
    text = compare.table([("", "a", "b"), ("flags", "-O2 -flto", "-g")], width=5)
    assert text.splitlines() == [
        f"{'':18}  a      b",
        f"{'flags':18}  -O2    -g",
        f"{'':18}  -flto",
    ]


def test_another_format() -> None:
    with pytest.raises(compare.CompareError) as error:
        compare.read_library("x.so", b"MZ")
    assert "x.so is no 64-bit little-endian ELF file" in str(error.value)


@pytest.mark.parametrize("project", ["no-such-project", "pytest"])
def test_a_project_that_is_not_built_here(project: str) -> None:
    with pytest.raises(compare.CompareError) as error:
        compare.main([project])
    assert f"no {project!r} that was built here is installed" in str(error.value)
    assert "'dependencies'" in str(error.value)


def test_an_index_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = tmp_path / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    pip.parent.mkdir()
    pip.write_text("#!/bin/sh\necho ERROR: No matching distribution >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    with pytest.raises(compare.CompareError) as error:
        compare.download("tiny", "1.0")
    message = str(error.value)
    assert "pip got no wheel of 'tiny' '1.0': ERROR: No matching distribution" in message
    assert "`pip config list`" in message
