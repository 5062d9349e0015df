"""The same bytes, whoever builds, wherever and whenever (varied_builds_for_tests.py).

tests/native does the same with the driver.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from varied_builds_for_tests import build, lay_out_requirements, members, varied

FIELDS = {"project": "tiny-ext", "profile": "small"}
# Asks the compiler for all that differs between builds: path, date, time, a random name.
SOURCE = """\
#include <Python.h>
static const char *const made = __FILE__ " " __DATE__ " " __TIME__;
static PyObject *where(PyObject *self, PyObject *unused) { return PyUnicode_FromString(made); }
static PyMethodDef methods[] = {{"where", where, METH_NOARGS, 0}, {0, 0, 0, 0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "NAME", 0, -1, methods};
PyMODINIT_FUNC PyInit_NAME(void) { return PyModule_Create(&module); }
"""
FILES = {
    "setup.py": """\
from setuptools import Extension, find_packages, setup

setup(
    name="tiny-ext",
    version="1.0",
    packages=find_packages(),
    package_data={"tiny_ext": ["data/*.txt"]},
    ext_modules=[Extension(f"tiny_ext.{n}", [f"tiny_ext/{n}.c"]) for n in ("one", "two")],
)
""",
    "tiny_ext/__init__.py": "",
    "tiny_ext/one.c": SOURCE.replace("NAME", "one"),
    "tiny_ext/two.c": SOURCE.replace("NAME", "two"),
    "tiny_ext/data/a.txt": "a",
    "tiny_ext/data/b.txt": "b",
    "tiny_ext/inner/__init__.py": "",
}


def sdist() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in FILES.items():
            info = tarfile.TarInfo(f"tiny_ext-1.0/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def build_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build requirements as the plugin lays them out: one flat directory."""
    return lay_out_requirements(
        tmp_path_factory.mktemp("requirements"), ("packaging", "setuptools", "wheel")
    )


@pytest.fixture(scope="module")
def content() -> bytes:
    # gzip writes the time: one archive for all builds.
    return sdist()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, build_tree: Path, content: bytes) -> bytes:
    directory = tmp_path_factory.mktemp("first") / "a"
    return build(
        directory,
        build_tree,
        content,
        FIELDS,
        TZ="UTC",
        LANG="C",
        HOME="/",
        PYTHONHASHSEED="1",
        USER="one",
    )


def test_everything_varied(wheel: bytes, tmp_path: Path, build_tree: Path, content: bytes) -> None:
    other = build(
        tmp_path / "a much longer directory" / "with a blank and ünïcode",
        build_tree,
        content,
        FIELDS,
        **varied(tmp_path),
    )
    assert members(other) == members(wheel)
    # Order, times and modes in the archive, too.
    assert other == wheel


@pytest.mark.parametrize("jobs", ["1", "2", "9"])
def test_any_number_of_jobs(
    wheel: bytes, tmp_path: Path, build_tree: Path, content: bytes, jobs: str
) -> None:
    """Also where gcc divides the work of one library among processes (`-flto=4`)."""
    assert build(tmp_path / "build", build_tree, content, FIELDS, jobs=jobs) == wheel


def test_the_wheel_names_no_place(wheel: bytes, build_tree: Path) -> None:
    """What the bytes do not hold cannot make them differ on another machine."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for name in archive.namelist():
            body = archive.read(name)
            for place in (str(build_tree.parent), sys.base_prefix, os.uname().nodename):
                assert place.encode() not in body, (name, place)
        assert "tiny_ext/data/b.txt" in archive.namelist()
        library = archive.read(next(n for n in archive.namelist() if "two." in n))
    assert b"tiny_ext/two.c Jan  1 1980 00:00:00" in library
