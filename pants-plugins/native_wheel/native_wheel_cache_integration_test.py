"""What is built once is not built again, by Pants as users start it, with a real cache server."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin_testing.real_pants import Clone, CountingCompiler, cache_server, wait_for


@pytest.fixture
def compiler(tmp_path: Path) -> CountingCompiler:
    return CountingCompiler(tmp_path / "compiler")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[str]:
    with cache_server(tmp_path / "cache-server") as address:
        yield address


def recorded_compiler(wheel: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return str(json.loads(archive.read("tiny_ext-1.0.dist-info/native_wheel.json"))["compiler"])


def test_a_second_build_compiles_nothing(
    tmp_path: Path, compiler: CountingCompiler, index: str, cache: str
) -> None:
    first = Clone.make(tmp_path / "one", compiler, index, cache)
    first.package()
    wheel = first.wheel()
    assert compiler.count() == 2, "one file to compile, one library to link"

    # The same clone, the same machine.
    first.package()
    assert compiler.count() == 0

    # Another clone on another machine, with nothing but the shared cache.
    second = Clone.make(tmp_path / "two", compiler, index, cache)
    assert not second.caches.exists()
    second.package()
    assert compiler.count() == 0
    assert second.wheel() == wheel

    # And without it, the compiler would have run: same bytes all the same.
    third = Clone.make(tmp_path / "three", compiler, index, None)
    third.package()
    assert compiler.count() == 2
    assert third.wheel() == wheel

    # Another compiler under the same name: what the first one made is not used.
    compiler.version.write_text("gcc (of tomorrow) 99.1\n")
    first.package()
    assert compiler.count() == 2
    assert recorded_compiler(first.wheel()) == "gcc (of tomorrow) 99.1"
    assert recorded_compiler(wheel) != "gcc (of tomorrow) 99.1"


def test_a_cache_server_that_is_gone(
    tmp_path: Path, compiler: CountingCompiler, index: str
) -> None:
    with cache_server(tmp_path / "cache-server") as address:
        pass
    clone = Clone.make(tmp_path / "one", compiler, index, address)
    output = clone.package()
    assert re.search(r"\[WARN\].*(remote cache|Unavailable|[Ff]ailed to)", output)
    assert compiler.count() == 2
    assert len(clone.built()) == 1


def test_interrupted_builds(tmp_path: Path, compiler: CountingCompiler, index: str) -> None:
    clone = Clone.make(tmp_path / "one", compiler, index, None)
    for kill in (signal.SIGINT, signal.SIGKILL):
        compiler.hold.touch()
        process = clone.start("package", "native:wheel")
        try:
            wait_for("compiler that runs", compiler.held.exists, process)
            os.killpg(process.pid, kill)
            process.communicate(timeout=120)
        finally:
            compiler.hold.unlink()
        assert process.returncode != 0
        assert clone.built() == []
        compiler.held.unlink()

    clone.package()
    with zipfile.ZipFile(io.BytesIO(clone.wheel())) as archive:
        assert archive.testzip() is None
        assert [name for name in archive.namelist() if name.endswith(".so")]
