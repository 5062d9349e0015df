from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import native_wheel_platform as platform
import native_wheel_repack as repack
import pytest
from native_wheel_backend import EPOCH
from native_wheel_errors import NativeWheelError
from spec_for_tests import refusal, spec


def built_wheel(
    directory: Path, files: Mapping[str, str | bytes], platform: str = "linux_x86_64"
) -> Path:
    """A wheel as a back end leaves it: times and order of the moment."""
    directory.mkdir(parents=True)
    path = directory / f"tiny-1.0-cp312-cp312-{platform}.whl"
    info = "tiny-1.0.dist-info"
    texts = {
        **files,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n"
        f"Tag: cp312-cp312-{platform}\n",
    }
    content = {k: v if isinstance(v, bytes) else v.encode() for k, v in texts.items()}
    record = "".join(f"{k},sha256={digest_of(v)},{len(v)}\n" for k, v in content.items())
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in content.items():
            wheel.writestr(zipfile.ZipInfo(name, time.localtime()[:6]), text)
    return path


def digest_of(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


@pytest.fixture
def epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `prepare_process` sets for the time of a build."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)


@pytest.mark.usefixtures("epoch")
def test_repack(tmp_path: Path) -> None:
    files = {"tiny/__init__.py": "", "tiny/x.cpython-312.so": "binary", "tiny/x.c": "int x;"}
    wheels = []
    for number, order in enumerate((sorted(files), sorted(files, reverse=True))):
        built = built_wheel(tmp_path / f"work{number}/wheel", {name: files[name] for name in order})
        record = repack.provenance(spec(), patches=[], isolated=True)
        name = repack.repack(spec(), built, tmp_path / f"out{number}", record, tmp_path)
        assert name == built.name
        wheels.append((tmp_path / f"out{number}" / name).read_bytes())
    assert wheels[0] == wheels[1]

    with zipfile.ZipFile(io.BytesIO(wheels[0])) as wheel:
        names = wheel.namelist()
        assert "tiny/x.c" not in names
        assert {info.date_time for info in wheel.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        rows = list(csv.reader(wheel.read("tiny-1.0.dist-info/RECORD").decode().splitlines()))
        assert sorted(name for name, _, _ in rows) == sorted(names)
        for name, digest, size in rows:
            if name != "tiny-1.0.dist-info/RECORD":
                content = wheel.read(name)
                assert (digest, size) == (f"sha256={digest_of(content)}", str(len(content)))
        record = json.loads(wheel.read("tiny-1.0.dist-info/native_wheel.json"))
    assert record == {
        "schema": 1,
        "project": "tiny",
        "version": "1.0",
        "profile": "small",
        "sdist_sha256": "0" * 64,
        "compile_args": ["-Os", "-flto"],
        "link_args": ["-s"],
        "define_macros": {},
        "env_vars": {},
        "patches": [],
        "local_version": None,
        "manylinux": None,
        "network": "isolated",
        "compiler": "gcc (Debian) 12",
        "cython": record["build_requirements"].get("cython"),
        "build_requirements": record["build_requirements"],
        "python": "3.12",
        "python_version": sys.version.split()[0],
    }


@pytest.mark.usefixtures("epoch")
def test_excluding_the_extension_module(tmp_path: Path) -> None:
    built = built_wheel(tmp_path / "work/wheel", {"tiny/x.cpython-312.so": "binary"})
    with pytest.raises(NativeWheelError) as error:
        repack.repack(spec(exclude=["*.so"]), built, tmp_path / "out", {}, tmp_path)
    message = refusal(error)
    assert "holds no extension module" in message
    assert "'exclude' field" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("epoch")
def test_local_version(tmp_path: Path) -> None:
    built = built_wheel(
        tmp_path / "work/wheel",
        {"tiny/x.cpython-312.so": "binary", "tiny-1.0.data/scripts/tiny": "#!python\n"},
    )
    name = repack.repack(spec(local_version="fast.1"), built, tmp_path / "out", {"a": 1}, tmp_path)
    assert name == "tiny-1.0+fast.1-cp312-cp312-linux_x86_64.whl"
    with zipfile.ZipFile(tmp_path / "out" / name) as wheel:
        info = "tiny-1.0+fast.1.dist-info"
        assert sorted(wheel.namelist()) == [
            "tiny-1.0+fast.1.data/scripts/tiny",
            f"{info}/METADATA",
            f"{info}/RECORD",
            f"{info}/WHEEL",
            f"{info}/native_wheel.json",
            "tiny/x.cpython-312.so",
        ]
        assert wheel.read(f"{info}/METADATA").decode().splitlines() == [
            "Metadata-Version: 2.1",
            "Name: tiny",
            "Version: 1.0+fast.1",
        ]
        rows = list(csv.reader(wheel.read(f"{info}/RECORD").decode().splitlines()))
        assert sorted(row[0] for row in rows) == sorted(wheel.namelist())


def test_a_description_keeps_its_words(tmp_path: Path) -> None:
    info = tmp_path / "tiny-1.0.dist-info"
    info.mkdir()
    body = "Metadata-Version: 2.1\nVersion: 1.0\n\nVersion: of words\r\n\n"
    (info / "METADATA").write_bytes(body.encode())
    _, renamed = repack.add_local_version(
        spec(local_version="fast"), tmp_path, "tiny-1.0-py3-none-any.whl"
    )
    content = (tmp_path / renamed / "METADATA").read_bytes().decode()
    assert content == body.replace("Version: 1.0", "Version: 1.0+fast")


def test_a_package_with_a_local_version_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(NativeWheelError) as error:
        repack.add_local_version(
            spec(local_version="fast"), tmp_path, "tiny-1.0+theirs-cp312-cp312-linux_x86_64.whl"
        )
    message = refusal(error)
    assert "'local_version' is 'fast', but the package gives itself the version 1.0+theirs" in (
        message
    )
    assert "Take the field out" in message


def test_a_wheel_for_another_interpreter(tmp_path: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    name = "tiny-1.0-cp39-cp39-linux_x86_64.whl"
    with pytest.raises(NativeWheelError) as error:
        repack.repack(spec(), tmp_path / name, tmp_path / "out", {}, tmp_path)
    message = refusal(error)
    assert f"'project' 'tiny' 1.0 built {name}, which the interpreter" in message
    assert f"('interpreter_constraints': CPython {version}; best tag cp312-cp312-" in message
    assert "`plat-name`" in message
    assert "'patches'" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tag", ["cp312-cp312", "cp37-abi3", "py3-none"])
def test_wheels_for_this_interpreter(tag: str) -> None:
    platform.refuse_foreign(spec(), f"tiny-1.0-{tag}-linux_{os.uname().machine}.whl")


def wheel_with(directory: Path, source: str, *args: str) -> Path:
    """A wheel whose one library is `source`, compiled."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "x.c").write_text(source)
    library = directory / "x.so"
    command = ["gcc", "-shared", "-fPIC", "x.c", "-o", str(library), *args]
    subprocess.run(command, cwd=directory, check=True)
    machine = os.uname().machine
    return built_wheel(
        directory / "wheel",
        {"tiny/x.so": library.read_bytes()},
        platform=f"linux_{machine}",
    )


# Where auditwheel is: the test's own requirements.
BUILD_TREE = Path(importlib.util.find_spec("auditwheel").origin or "").parents[1]  # type: ignore[union-attr]
OLDEST = {"x86_64": "manylinux_2_5_x86_64", "aarch64": "manylinux_2_17_aarch64"}
OLD = "#include <string.h>\nunsigned long size(const char *s) { return strlen(s); }\n"
# In the library since 2.25: https://man7.org/linux/man-pages/man3/getentropy.3.html
NEW = "#include <unistd.h>\nint get(void *to) { return getentropy(to, 1); }\n"


@pytest.mark.usefixtures("epoch")
def test_manylinux(tmp_path: Path) -> None:
    wheels = []
    for number in (1, 2):
        built = wheel_with(tmp_path / str(number), OLD)
        fields = spec(manylinux="manylinux_2_17", local_version="fast")
        out = tmp_path / f"out{number}"
        wheels.append(out / repack.repack(fields, built, out, {"a": 1}, BUILD_TREE))
    name = wheels[0].name
    # As old as it gets: no symbol that is newer.
    assert name == f"tiny-1.0+fast-cp312-cp312-{OLDEST[os.uname().machine]}.whl"
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = wheel.namelist()
        info = "tiny-1.0+fast.dist-info"
        tags = [x for x in wheel.read(f"{info}/WHEEL").decode().splitlines() if "Tag" in x]
        assert tags == [f"Tag: {name.split('-', 2)[2].removesuffix('.whl')}"]
        rows = list(csv.reader(wheel.read(f"{info}/RECORD").decode().splitlines()))
        assert sorted(row[0] for row in rows) == sorted(names)
        # Nothing is bundled, and the code is as it was.
        assert [x for x in names if ".so" in x] == ["tiny/x.so"]
        assert wheel.read("tiny/x.so") == (tmp_path / "1/x.so").read_bytes()
    # And auditwheel agrees with the name.
    audit = platform.audit_wheel(spec(manylinux="manylinux_2_17"), wheels[0], BUILD_TREE)
    assert audit["overall_tag"] == OLDEST[os.uname().machine]


def manylinux_refusal(tmp_path: Path, wheel: Path, wanted: str) -> str:
    with pytest.raises(NativeWheelError) as error:
        repack.repack(spec(manylinux=wanted), wheel, tmp_path / "out", {}, BUILD_TREE)
    assert not (tmp_path / "out").exists()
    return refusal(error)


@pytest.mark.usefixtures("epoch")
def test_a_symbol_that_is_too_new(tmp_path: Path) -> None:
    message = manylinux_refusal(tmp_path, wheel_with(tmp_path / "a", NEW), "manylinux_2_17")
    assert "'manylinux' is 'manylinux_2_17', but auditwheel allows " in message
    assert "libc.so.6 with the symbol versions GLIBC_2.25" in message
    assert "GLIBC_2.2.5" not in message
    assert "raise 'manylinux'" in message


@pytest.mark.usefixtures("epoch")
def test_a_library_that_is_not_everywhere(tmp_path: Path) -> None:
    directory = tmp_path / "a"
    directory.mkdir()
    (directory / "other.c").write_text("int other(void) { return 1; }\n")
    command = ["gcc", "-shared", "-fPIC", "other.c", "-o", "libother.so"]
    subprocess.run(command, cwd=directory, check=True)
    source = (
        "int other(void);\n#include <string.h>\nint f(char *s) { return other() + strlen(s); }\n"
    )
    wheel = wheel_with(directory, source, f"-L{directory}", "-lother")
    message = manylinux_refusal(tmp_path, wheel, "manylinux_2_36")
    assert "it needs the libraries libother.so" in message


def test_manylinux_without_auditwheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message_of = pytest.raises(NativeWheelError)
    with message_of as error:
        platform.manylinux_tag(spec(manylinux="manylinux_2_17"), tmp_path / "x.whl", tmp_path)
    message = refusal(error)
    assert "'manylinux' is 'manylinux_2_17', which takes auditwheel" in message
    assert "'build_resolve' 'native-build' has none" in message
    assert "pants generate-lockfiles" in message


def test_manylinux_for_what_auditwheel_does_not_read(tmp_path: Path) -> None:
    wheel = built_wheel(tmp_path / "wheel", {"tiny/x.so": "no library"})
    with pytest.raises(NativeWheelError) as error:
        platform.manylinux_tag(spec(manylinux="manylinux_2_17"), wheel, BUILD_TREE)
    message = refusal(error)
    assert f"auditwheel cannot say what {wheel.name} is" in message
    assert "Take the field out" in message
