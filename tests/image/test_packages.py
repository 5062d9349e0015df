"""Python packages in the image: exactly what ships, and the driver that we built."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from image.build_files import (
    DRIVER,
    REST,
    SOURCES,
    SYSTEM,
    layer_names,
    read_build_file,
    requirement_groups,
)
from image.elf import ElfFile
from image.inside import Report
from image.lockfiles import Lock
from image.saved import Layer, SavedImage

pytestmark = pytest.mark.timeout(120)

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages"
COMPILED = ("charset", "connection", "converters", "cursors", "errors", "pool", "protocol")
#: Bytes; the index's wheel has 23 million.
DRIVER_LIMIT = 2_200_000
#: Modules of tools whose projects have another name.
TOOLS = (
    "pytest",
    "_pytest",
    "mypy",
    "mypyc",
    "black",
    "blib2to3",
    "pymysql",
    "hypothesis",
    "docker",
)


@pytest.fixture(scope="module")
def expected(prod_lock: Lock, report: Report) -> dict[str, str]:
    """What production needs: the lock's closure for the Python in the image, and our driver."""
    closure = prod_lock.closure(report["markers"])
    assert "asyncmy" not in closure, "the index's wheel would beat ours"
    return {**closure, "asyncmy": "0.2.18+qingkong.1"}


@pytest.fixture(scope="module")
def of_base(saved: SavedImage) -> dict[str, str]:
    """What the base brings."""
    return dict(_distributions(saved.base_entries))


def _distributions(paths: Any) -> list[tuple[str, str]]:
    pattern = re.compile(rf"{SITE_PACKAGES}/([^/]+)-([^/-]+)\.dist-info")
    found = [match for match in map(pattern.fullmatch, paths) if match]
    return [(canonicalize_name(match[1]), match[2]) for match in found]


def test_exactly_production(
    report: Report, expected: dict[str, str], of_base: dict[str, str]
) -> None:
    found = sorted((canonicalize_name(name), version) for name, version in report["distributions"])
    assert found == sorted({**of_base, **expected}.items())
    assert not set(of_base) & set(expected), "a package of ours replaces one of the base"
    assert set(of_base) <= {"pip", "setuptools", "wheel"}


@pytest.fixture(scope="module")
def layers(saved: SavedImage) -> dict[str, Layer]:
    """The layers with packages, by their names."""
    named = zip(layer_names(), saved.ours, strict=True)
    return {name: layer for name, layer in named if name not in (SYSTEM, SOURCES)}


def test_the_layers_bring_nothing_else(layers: dict[str, Layer], expected: dict[str, str]) -> None:
    assert dict(_distributions(layers[DRIVER].entries)) == {"asyncmy": expected["asyncmy"]}
    found = [pair for layer in layers.values() for pair in _distributions(layer.entries)]
    assert sorted(found) == sorted(expected.items()), "each is in one layer"


def test_what_a_layer_is_for_is_in_it(layers: dict[str, Layer]) -> None:
    groups = requirement_groups()
    for name, named in groups.items():
        assert sorted(dict(_distributions(layers[name].entries))) == sorted(named)
    assert layers.keys() == {*groups, REST, DRIVER}


def test_every_file_is_recorded(layers: dict[str, Layer]) -> None:
    for layer in layers.values():
        recorded: set[str] = set()
        for path in layer.files:
            if path.endswith(".dist-info/RECORD"):
                recorded |= _check_record(path, layer.files)
        extra = [
            path
            for path in layer.files
            if path not in recorded and not path.endswith((".dist-info/INSTALLER", "/REQUESTED"))
        ]
        assert extra == [], "of no package"


def _check_record(record: str, files: dict[str, bytes]) -> set[str]:
    """Compare the files of a package with its list of hashes, and return their paths."""
    paths = set()
    for name, digest, _size in csv.reader(io.StringIO(files[record].decode())):
        path = f"{SITE_PACKAGES}/{name}"
        # Scripts are not in the image: their first line would name the Python of the build.
        if name.startswith("../"):
            continue
        paths.add(path)
        if digest and path in files:
            algorithm, _, encoded = digest.partition("=")
            value = hashlib.new(algorithm, files[path]).digest()
            assert base64.urlsafe_b64encode(value).decode().rstrip("=") == encoded, path
    return paths


def test_no_tool_of_development(report: Report, dev_only: frozenset[str]) -> None:
    assert {"pytest", "mypy", "docker"} <= dev_only, "the lockfiles were read wrongly"
    assert report["found_modules"] == []
    installed = {canonicalize_name(name) for name, _ in report["distributions"]}
    assert installed & dev_only == set()


def test_no_module_of_development(layers: dict[str, Layer], dev_only: frozenset[str]) -> None:
    top = {
        path.removeprefix(f"{SITE_PACKAGES}/").split("/")[0].removesuffix(".py")
        for layer in layers.values()
        for path in layer.files
    }
    assert top & {*TOOLS, *(name.replace("-", "_") for name in dev_only)} == set()


def test_no_program_that_compiles(report: Report) -> None:
    assert report["found_programs"] == []


def test_the_user_may_change_nothing_but_data(report: Report) -> None:
    assert report["writable"] == []


@pytest.fixture(scope="module")
def driver(layers: dict[str, Layer]) -> dict[str, bytes]:
    """The files of the driver's layer."""
    return layers[DRIVER].files


@pytest.fixture(scope="module")
def libraries(driver: dict[str, bytes]) -> dict[str, bytes]:
    """The driver's machine code, by module."""
    place = f"{SITE_PACKAGES}/asyncmy/"
    found = {path: data for path, data in driver.items() if path.endswith(".so")}
    return {path.removeprefix(place).split(".")[0]: data for path, data in found.items()}


def test_the_driver_is_the_one_that_we_built(driver: dict[str, bytes]) -> None:
    folder = f"{SITE_PACKAGES}/asyncmy-0.2.18+qingkong.1.dist-info"
    record = json.loads(driver[f"{folder}/native_wheel.json"])
    assert record["compile_args"] == ["-Os", "-flto", "-ffast-math"]
    assert record["link_args"] == ["-flto", "-s"]
    target = read_build_file("3rdparty/asyncmy/BUILD")["wheel"]
    for key, field in (("sdist_sha256", "sha256"), ("version", "version"), ("project", "project")):
        assert record[key] == target.fields[field]
    assert record["version"] == "0.2.18", "before 0.2.12 it has CVE-2025-65896"
    assert record["profile"] == target.fields["profile"]
    assert [patch["name"] for patch in record["patches"]] == list(target.fields["patches"])


def test_the_driver_is_compiled_and_small(libraries: dict[str, bytes], report: Report) -> None:
    assert sorted(libraries) == sorted(COMPILED)
    assert sorted(report["driver_modules"]) == sorted(f"asyncmy.{name}" for name in COMPILED)
    sizes = {name: len(data) for name, data in libraries.items()}
    assert sum(sizes.values()) <= DRIVER_LIMIT, sizes


def test_the_driver_has_no_sources(driver: dict[str, bytes]) -> None:
    assert [path for path in driver if path.endswith((".c", ".pyx", ".o", ".h"))] == []


def test_the_driver_is_stripped(libraries: dict[str, bytes]) -> None:
    for name, data in libraries.items():
        elf = ElfFile(data)
        assert {".text", ".dynsym"} <= set(elf.sections), "the headers were read wrongly"
        left = [x for x in elf.sections if re.match(r"\.(symtab|strtab|z?debug|gnu\.lto)", x)]
        assert left == [], name
        assert elf.search_paths == 0, f"{name} searches libraries in folders of the build"


def test_the_driver_leaves_floating_point_alone(report: Report) -> None:
    # Before the import, after it, and in a thread made after it.
    assert report["subnormal"] == [True, True, True], "the process flushes small numbers to zero"
