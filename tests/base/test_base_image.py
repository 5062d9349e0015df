"""The base image in use, official or stand-in: that an application finds in it what it needs.

QINGKONG_BASE_IMAGE names the image to test; otherwise it is the stand-in if the container engine
has one, and the official image if not.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

OFFICIAL = "python:3.12-slim-bookworm"
STAND_IN = "qingkong-base:3.12-slim-bookworm-local"

# Run inside the image: everything is looked up there at once, and compared here.
PROBE = r"""
import bz2, ctypes, ctypes.util, curses, dbm, hashlib, importlib.util, json, lzma, os, pathlib
import pwd, readline, shutil, sqlite3, ssl, sys, sysconfig, uuid, zlib
import datetime, zoneinfo

def files(*places):
    for place in places:
        for directory, _, names in os.walk(place):
            yield from (os.path.join(directory, name) for name in names)

def holds(path, word):
    try:
        return word in pathlib.Path(path).read_bytes()
    except OSError:
        return False

noon = datetime.datetime(2024, 6, 1, 12, tzinfo=zoneinfo.ZoneInfo("Asia/Shanghai"))
home_of_root = pwd.getpwuid(0).pw_dir.encode() + b"/"
binaries = [sys.executable, *files("/usr/local/lib")]
print(json.dumps({
    "version": sys.version_info[:2],
    "executable": sys.executable,
    "prefix": sys.prefix,
    "uid": os.getuid(),
    "shanghai": noon.utcoffset().total_seconds(),
    "sqlite": sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0],
    "certificates": len(ssl.create_default_context().get_ca_certs()),
    "libc": bool(ctypes.CDLL(None).getpid()),
    "bytecode": [path for path in files("/usr", "/opt", "/srv") if path.endswith(".pyc")],
    "compilers": [name for name in ("cc", "gcc", "g++", "clang", "ld", "make", "strip")
                  if shutil.which(name)],
    "apt_lists": [*files("/var/lib/apt/lists")],
    "apt_archives": [p for p in files("/var/cache/apt/archives") if p.endswith(".deb")],
    "apt_sources": [p for p in files("/etc/apt") if p.endswith((".list", ".sources"))],
    "pip_settings": [p for p in ("/etc/pip.conf", "/etc/xdg/pip/pip.conf") if os.path.exists(p)]
                    + [name for name in os.environ if name.startswith("PIP_")],
    "packages": sorted(p for p in os.listdir(sysconfig.get_path("purelib")) if ".dist-info" in p),
    "left_behind": [p for p in binaries
                    if (".so" in p or "_sysconfigdata" in p or p == sys.executable)
                    and any(holds(p, word) for word in
                            (home_of_root, b"/home/", b"pyenv", b"python-build",
                             b"/.local/share"))],
    "machine_id": os.path.exists("/etc/machine-id")
                  and os.path.getsize("/etc/machine-id") > 0,
    "links": [name for name in ("python", "python3", "python3.12", "pip", "pip3", "pydoc")
              if shutil.which(name) == "/usr/local/bin/" + name],
    "venv": bool(importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv")),
    "include": os.path.exists(sysconfig.get_path("include") + "/Python.h"),
    "encoding": sys.getfilesystemencoding(),
}))
"""


def docker(*arguments: str, stdin: str | None = None) -> str:
    result = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def base() -> str:
    named = os.environ.get("QINGKONG_BASE_IMAGE")
    if named:
        return named
    has_stand_in = docker("image", "ls", "--quiet", STAND_IN).strip() != ""
    return STAND_IN if has_stand_in else OFFICIAL


@pytest.fixture(scope="module")
def config(base: str) -> dict[str, Any]:
    (image,) = json.loads(docker("image", "inspect", base))
    found = image["Config"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def inside(base: str) -> dict[str, Any]:
    """What the probe finds, run as an application is: another user, a read-only root."""
    hardened = ["--read-only", "--user", "10001:10001", "--network", "none", "--cap-drop", "ALL"]
    found = json.loads(docker("run", "--rm", "-i", *hardened, base, "python", "-", stdin=PROBE))
    assert isinstance(found, dict)
    return found


def test_python_is_where_the_official_image_has_it(inside: dict[str, Any]) -> None:
    assert inside["version"] == [3, 12]
    assert inside["prefix"] == "/usr/local"
    assert inside["links"] == ["python", "python3", "python3.12", "pip", "pip3", "pydoc"]
    assert inside["uid"] == 10001
    assert inside["encoding"] == "utf-8"


def test_the_standard_library_works(inside: dict[str, Any]) -> None:
    # The probe has imported the modules that link shared libraries.
    assert inside["sqlite"] == 42
    assert inside["libc"]
    assert inside["venv"]
    assert inside["include"]


def test_time_zones_and_certificates_are_there(inside: dict[str, Any]) -> None:
    assert inside["shanghai"] == 8 * 3600
    assert inside["certificates"] > 100


def test_pip_is_the_only_package(inside: dict[str, Any]) -> None:
    assert [name.partition("-")[0] for name in inside["packages"]] == ["pip"]


def test_nothing_is_inside_that_does_not_belong(inside: dict[str, Any]) -> None:
    for what in ("bytecode", "compilers", "apt_lists", "apt_archives", "pip_settings"):
        assert inside[what] == [], what
    assert not inside["machine_id"]
    assert inside["left_behind"] == []


def test_a_stand_in_names_no_mirror_and_says_what_it_is(
    base: str, config: dict[str, Any], inside: dict[str, Any]
) -> None:
    labels = config["Labels"] or {}
    is_stand_in = labels.get("io.qingkong.base.stand-in") == "true"
    assert is_stand_in == base.startswith("qingkong-base:")
    assert not is_stand_in or inside["apt_sources"] == []
    assert not is_stand_in or "tand-in" in labels["org.opencontainers.image.title"]


def test_the_configuration_is_that_of_the_official_image(config: dict[str, Any]) -> None:
    variables = dict(variable.split("=", 1) for variable in config["Env"])
    assert variables["PATH"].split(":")[0] == "/usr/local/bin"
    assert variables["LANG"] == "C.UTF-8"
    assert variables["PYTHON_VERSION"].startswith("3.12.")
    assert config["Cmd"] == ["python3"]
    assert not config.get("Entrypoint")
