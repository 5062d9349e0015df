"""With the compilers of this machine: its own, and the one for the other processor."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import native_wheel_cross as cross
import native_wheel_platform as platform
import pytest
from native_wheel_errors import NativeWheelError
from spec_for_tests import refusal, spec

HERE = os.uname().machine
OTHER = {"x86_64": "aarch64", "aarch64": "x86_64"}[HERE]
COMPILER = f"/usr/bin/{OTHER}-linux-gnu-gcc"
FOR_OTHER = spec(machine=OTHER, compiler_path=COMPILER)


def library(folder: Path, compiler: str) -> Path:
    """A tree with one library."""
    (folder / "tiny").mkdir()
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(folder / "tiny" / "x.so")],
        input=b"int x;",
        check=True,
    )
    return folder


def test_names_of_the_other_processor() -> None:
    names = cross.variables("aarch64")
    assert names["_PYTHON_HOST_PLATFORM"] == "linux-aarch64"
    assert names["SETUPTOOLS_EXT_SUFFIX"].endswith("-aarch64-linux-gnu.so")


def test_every_size_is_asked_for() -> None:
    text = Path(sysconfig.get_config_h_filename()).read_text()
    program = cross.size_program(text)
    assert "_Static_assert(sizeof(void *) == 8," in program
    assert "_Static_assert(sizeof(long long) == 8," in program
    assert "_Static_assert(_Alignof(max_align_t) == 16," in program
    assert program.count("_Static_assert") == text.count("#define SIZEOF_") + text.count(
        "#define ALIGNOF_"
    )


def test_headers_of_this_machine_are_those_of_the_other() -> None:
    cross.check_headers(FOR_OTHER)


def test_headers_with_other_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "pyconfig.h"
    wrong.write_text("#define SIZEOF_INT 4\n#define SIZEOF_LONG 4\n")
    monkeypatch.setattr(sysconfig, "get_config_h_filename", lambda: str(wrong))
    with pytest.raises(NativeWheelError) as error:
        cross.check_headers(FOR_OTHER)
    message = refusal(error)
    assert f"'platform' is one of {OTHER}, but the headers" in message
    assert str(wrong) in message
    assert "SIZEOF_LONG is 4" in message
    assert "Build the wheel on such a machine." in message


def test_libraries_of_the_other_processor(tmp_path: Path) -> None:
    cross.check_machine(FOR_OTHER, library(tmp_path, COMPILER))


def test_a_library_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(NativeWheelError) as error:
        cross.check_machine(FOR_OTHER, library(tmp_path, "gcc"))
    assert f"'platform' is one of {OTHER}, but tiny/x.so is for {HERE}." in refusal(error)


def test_what_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "x.so").write_text("text")
    with pytest.raises(NativeWheelError) as error:
        cross.check_machine(FOR_OTHER, tmp_path)
    assert "x.so is no library." in refusal(error)


def test_tags_of_the_other_processor() -> None:
    platform.refuse_foreign(FOR_OTHER, f"tiny-1.0-cp312-cp312-linux_{OTHER}.whl")
    with pytest.raises(NativeWheelError) as error:
        platform.refuse_foreign(FOR_OTHER, f"tiny-1.0-cp312-cp312-linux_{HERE}.whl")
    assert f"linux_{HERE}.whl" in refusal(error)
