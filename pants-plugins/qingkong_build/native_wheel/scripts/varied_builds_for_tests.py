"""Builds that differ in all that must not matter, as far as one machine can.

The back end runs as Pants runs it, but without Pants, which would already make most of this the
same. What varies is the list of `reprotest`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import native_wheel_backend as backend
from spec_for_tests import spec

# Runs one build: umask, user, processors, order of directories and host name are of the process.
BUILD = """
import os, socket, sys

umask, order, host, user, processors, jobs = sys.argv[1:]
os.umask(int(umask, 8))
if processors:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(processors)])
if user:
    # Another user inside, the same outside: its files stay readable.
    outside = os.getuid()
    os.unshare(os.CLONE_NEWUSER)
    with open("/proc/self/uid_map", "w") as file:
        file.write(f"{user} {outside} 1")
    assert os.getuid() == int(user)
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

print(native_wheel_backend.build_wheel("out", int(jobs)))
"""


def lay_out_requirements(tree: Path, names: tuple[str, ...]) -> Path:
    """Installed distributions as the plugin lays them out: one flat directory."""
    for name in names:
        for file in metadata.distribution(name).files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                target = tree / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), target)
    return tree


def build(
    directory: Path,
    build_tree: Path,
    content: bytes,
    fields: dict[str, Any],
    patches: Sequence[bytes] = (),
    /,
    *,
    umask: str = "022",
    order: str = "up",
    host: str = "",
    user: str = "",
    processors: str = "",
    jobs: str = "0",
    **env: str,
) -> bytes:
    """Build the wheel of the source distribution `content` in `directory`; return its content.

    `patches` are the contents of those that `fields` names.
    """
    directory.mkdir(parents=True)
    compiler = shutil.which("gcc", path="/usr/bin:/bin")
    assert compiler is not None
    here = Path(backend.__file__).parent
    for file in (*here.glob("native_wheel_*.py"), here / "sitecustomize.py"):
        shutil.copyfile(file, directory / file.name)
    (directory / "build_requirements").symlink_to(build_tree)
    (directory / "source.tar.gz").write_bytes(content)
    (directory / backend.PATCHES).mkdir()
    for number, patch in enumerate(patches):
        (directory / backend.PATCHES / str(number)).write_bytes(patch)
    complete = spec(
        **{
            "compile_args": ["-Os", "-flto", "-ffast-math"],
            "link_args": ["-flto", "-s"],
            "sdist": "source.tar.gz",
            "sdist_sha256": hashlib.sha256(content).hexdigest(),
            "compiler": "the one of this machine",
            "compiler_path": compiler,
            "search_path": ["/usr/bin", "/bin"],
            **fields,
        }
    )
    (directory / "native_wheel_spec.json").write_text(json.dumps(complete))
    result = subprocess.run(
        [sys.executable, "-c", BUILD, umask, order, host, user, processors, jobs],
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
        timeout=600,
    )
    assert result.returncode == 0, result.stdout
    return (directory / "out" / result.stdout.splitlines()[-1]).read_bytes()


def varied(directory: Path) -> dict[str, str]:
    """The arguments of `build` that differ from the usual, all at once."""
    return {
        "umask": "077",
        "order": "down",
        "host": "elsewhere.example",
        "user": "65534",
        "processors": "1",
        "TZ": "Asia/Shanghai",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "C",
        "HOME": str(directory),
        "PYTHONHASHSEED": "4294967295",
        "USER": "another",
        "CFLAGS": "-g -O0",
        "LDFLAGS": "-Wl,-rpath,/home/me/lib",
        "SOURCE_DATE_EPOCH": "1700000000",
        "MAKEFLAGS": "-j7",
    }


def members(wheel: bytes) -> dict[str, str]:
    """The hash of each file, to name the one that differs."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return {n: hashlib.sha256(archive.read(n)).hexdigest() for n in archive.namelist()}
