"""The same bytes, whoever builds, wherever and whenever.

The back end runs as Pants runs it, but without Pants, which would already make most of this the
same. What varies is the list of `reprotest`, as far as one machine can.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import native_wheel_backend as backend
import pytest
from spec_for_tests import spec

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
# Runs one build: umask, order of directories and host name are of the process.
BUILD = """
import os, socket, sys

umask, order, host = sys.argv[1:]
os.umask(int(umask, 8))
if host:
    try:
        os.unshare(os.CLONE_NEWUTS)
    except PermissionError:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWUTS)
    socket.sethostname(host)
    assert os.uname().nodename == host

scandir, listdir = os.scandir, os.listdir


class Scan:
    def __init__(self, path="."):
        with scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name, reverse=order == "down")
        self.entries = iter(found)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.entries)

    def close(self):
        pass


os.scandir = Scan
os.listdir = lambda path=".": sorted(listdir(path), reverse=order == "down")

import native_wheel_backend

print(native_wheel_backend.build_wheel("out"))
"""


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
    tree = tmp_path_factory.mktemp("requirements")
    for name in ("packaging", "setuptools", "wheel"):
        for file in metadata.distribution(name).files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                target = tree / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), target)
    return tree


@pytest.fixture(scope="module")
def content() -> bytes:
    # gzip writes the time: one archive for all builds.
    return sdist()


def build(
    directory: Path,
    build_tree: Path,
    content: bytes,
    *,
    umask: str = "022",
    order: str = "up",
    host: str = "",
    compile_args: Sequence[str] = ("-Os", "-flto", "-ffast-math"),
    link_args: Sequence[str] = ("-flto", "-s"),
    **env: str,
) -> bytes:
    """Build the wheel in `directory`; return its content."""
    directory.mkdir(parents=True)
    compiler = shutil.which("gcc")
    assert compiler is not None
    here = Path(backend.__file__).parent
    for file in (*here.glob("native_wheel_*.py"), here / "sitecustomize.py"):
        shutil.copyfile(file, directory / file.name)
    (directory / "build_requirements").symlink_to(build_tree)
    (directory / "tiny.tar.gz").write_bytes(content)
    fields = spec(
        project="tiny-ext",
        compile_args=compile_args,
        link_args=link_args,
        sdist="tiny.tar.gz",
        sdist_sha256=hashlib.sha256(content).hexdigest(),
        compiler="the one of this machine",
        compiler_path=compiler,
        search_path=["/usr/bin", "/bin"],
    )
    (directory / "native_wheel_spec.json").write_text(json.dumps(fields))
    result = subprocess.run(
        [sys.executable, "-c", BUILD, umask, order, host],
        cwd=directory,
        env={
            "PATH": "/usr/bin:/bin",
            # What Python would load from the directory of the interpreter is not there.
            "PYTHONPATH": os.pathsep.join([str(directory), str(build_tree)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout
    return (directory / "out" / result.stdout.splitlines()[-1]).read_bytes()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, build_tree: Path, content: bytes) -> bytes:
    directory = tmp_path_factory.mktemp("first") / "a"
    return build(
        directory, build_tree, content, TZ="UTC", LANG="C", HOME="/", PYTHONHASHSEED="1", USER="one"
    )


def members(wheel: bytes) -> dict[str, str]:
    """The hash of each file, to name the one that differs."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return {n: hashlib.sha256(archive.read(n)).hexdigest() for n in archive.namelist()}


def test_everything_varied(wheel: bytes, tmp_path: Path, build_tree: Path, content: bytes) -> None:
    other = build(
        tmp_path / "a much longer directory" / "with a blank and ünïcode",
        build_tree,
        content,
        umask="077",
        order="down",
        TZ="Asia/Shanghai",
        LANG="tr_TR.UTF-8",
        LC_ALL="C",
        HOME=str(tmp_path),
        PYTHONHASHSEED="4294967295",
        USER="another",
        CFLAGS="-g -O0",
        LDFLAGS="-Wl,-rpath,/home/me/lib",
        SOURCE_DATE_EPOCH="1700000000",
        MAKEFLAGS="-j7",
    )
    assert members(other) == members(wheel)
    # Order, times and modes in the archive, too.
    assert other == wheel


def test_another_host(wheel: bytes, tmp_path: Path, build_tree: Path, content: bytes) -> None:
    assert build(tmp_path / "b", build_tree, content, host="elsewhere.example") == wheel


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
