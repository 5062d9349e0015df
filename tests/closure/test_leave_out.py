"""What the layers leave out is not missed: the rest loads, and lists itself."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from closure.layers import Layer, read_layers

from image.elf import ElfFile

NOT_NEEDED = re.compile(r"(^|/)tests/|-stubs/|\.(pyi|c|cc|cpp|h|hpp|pyx|pxd|pxi|py[co])$")
LIBRARY = re.compile(r"(.+?)\.(cpython-312-[a-z0-9_-]+\.|abi3\.)?so")
#: Imports each module of its arguments from the directory of the first, and from nowhere else.
IMPORT = """
import importlib, sys, traceback
sys.path.insert(0, sys.argv[1])
failed = 0
for name in sys.argv[2:]:
    try:
        module = importlib.import_module(name)
        assert str(getattr(module, "__file__", None) or sys.argv[1]).startswith(sys.argv[1]), module
    except Exception:
        failed += 1
        print("cannot import", name)
        traceback.print_exc(limit=-1)
sys.exit(failed)
"""


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    return read_layers()


@pytest.fixture(scope="module")
def requirements(layers: list[Layer]) -> list[Layer]:
    found = [layer for layer in layers if layer.name.startswith("deploy/runtime.requirement")]
    assert len(found) > 3, "the layers were read wrongly"
    return found


@pytest.fixture(scope="module")
def installed(layers: list[Layer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site-packages of the image."""
    directory = tmp_path_factory.mktemp("site-packages")
    for layer in layers:
        for path, content in layer.files.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(content)
    return directory


def check_imports(installed: Path, names: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-ISB", "-c", IMPORT, installed, *names],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_library_loads(installed: Path, layers: list[Layer]) -> None:
    matches = [LIBRARY.fullmatch(path) for layer in layers for path in layer.files]
    names = sorted(match[1].replace("/", ".") for match in matches if match)
    assert {"uvloop.loop", "pydantic_core._pydantic_core"} <= set(names)
    check_imports(installed, names)


def test_every_package_is_imported(installed: Path) -> None:
    names = {path.parent.name for path in installed.glob("*/__init__.py")}
    names |= {path.stem for path in installed.glob("*.py")}
    assert {"fastapi", "tortoise", "typing_extensions"} <= names
    check_imports(installed, sorted(names))


def test_nothing_of_it_is_there(requirements: list[Layer]) -> None:
    paths = [path for layer in requirements for path in layer.files]
    assert [path for path in paths if NOT_NEEDED.search(path)] == []
    assert [path for path in paths if path.endswith("/py.typed")], "type markers stay"


def test_libraries_are_stripped(requirements: list[Layer]) -> None:
    libraries = {
        path: ElfFile(content)
        for layer in requirements
        for path, content in layer.files.items()
        if LIBRARY.fullmatch(path)
    }
    assert libraries
    for path, library in libraries.items():
        assert {".text", ".dynsym"} <= set(library.sections), f"{path} was read wrongly"
        left = [x for x in library.sections if re.match(r"\.(symtab|strtab|z?debug|comment)", x)]
        assert left == [], path


def test_records_agree_with_the_files(requirements: list[Layer]) -> None:
    for layer in requirements:
        recorded = set()
        for record in (path for path in layer.files if path.endswith(".dist-info/RECORD")):
            for path, digest, size in csv.reader(io.StringIO(layer.files[record].decode())):
                content = layer.files[path]
                recorded.add(path)
                if path != record:
                    value = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
                    assert digest == f"sha256={value.decode().rstrip('=')}", path
                    assert size == str(len(content)), path
        assert recorded == set(layer.files)
