"""What is built once is not built again, by Pants as users start it, with a real cache server."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

from plugin_testing.real_pants import Clone, CountingCompiler, cache_server


def recorded_compiler(wheel: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return str(json.loads(archive.read("tiny_ext-1.0.dist-info/native_wheel.json"))["compiler"])


def test_what_is_built_once(tmp_path: Path, compiler: CountingCompiler, index: str) -> None:
    with cache_server(tmp_path / "cache-server") as address:
        first = Clone.make(tmp_path / "one", compiler, index, address)
        first.package()
        wheel = first.wheel()
        assert compiler.count() == 2, "one file to compile, one library to link"

        # The same clone, the same machine.
        first.package()
        assert compiler.count() == 0

        # Another clone on another machine, with nothing but the shared cache.
        second = Clone.make(tmp_path / "two", compiler, index, address)
        assert not second.caches.exists()
        second.package()
        assert compiler.count() == 0
        assert second.wheel() == wheel

    # Another compiler under the same name: what the first one made is not used. And the server
    # is gone, which costs a warning.
    compiler.version.write_text("gcc (of tomorrow) 99.1\n")
    output = first.package()
    assert re.search(r"\[WARN\].*(remote cache|Unavailable|[Ff]ailed to)", output)
    assert compiler.count() == 2
    assert recorded_compiler(first.wheel()) == "gcc (of tomorrow) 99.1"
    assert recorded_compiler(wheel) != "gcc (of tomorrow) 99.1"
