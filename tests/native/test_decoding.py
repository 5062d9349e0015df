"""The patches of the driver change how long it takes, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.mariadb import DATABASE, PASSWORD, USER, MariaDB

WORKER = Path("tests/native/decoding_worker.py")
ENCODING = WORKER.with_name("encoding_worker.py")
WHEELS = {"asis": "asyncmy-0.2.18-*.whl", "patched": "asyncmy-0.2.18+qingkong.1-*.whl"}
PATCHES = ("decode-rows-in-place", "encode-parameters-in-place", "fast-code-for-queries")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each wheel, unpacked into a directory of its own."""
    found = {}
    for name, pattern in WHEELS.items():
        (wheel,) = Path().glob(pattern)
        found[name] = tmp_path_factory.mktemp(name)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(found[name])
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    folder = Path(tempfile.mkdtemp(prefix="mdb"))
    server = MariaDB(folder)
    try:
        server.install()
        server.stop()
        # For a row that takes two packets.
        server.start("--max-allowed-packet=64M")
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def decoded(site: Path, *arguments: str, worker: Path = WORKER) -> list[str]:
    """What the worker prints with the wheel in `site`."""
    result = subprocess.run(
        [sys.executable, str(worker.resolve()), *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def connection_to(server: MariaDB) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "user": USER,
        "password": PASSWORD,
        "database": DATABASE,
    }


def record(site: Path) -> dict[str, Any]:
    (path,) = site.glob("*.dist-info/native_wheel.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_only_one_of_the_two_is_patched(sites: dict[str, Path]) -> None:
    asis, patched = record(sites["asis"]), record(sites["patched"])
    assert asis["sdist_sha256"] == patched["sdist_sha256"]
    assert asis["patches"] == []
    assert [patch["name"] for patch in patched["patches"]] == [
        f"patches/{name}.patch" for name in PATCHES
    ]
    assert not list(sites["patched"].rglob("*.h"))


def test_every_packet_is_decoded_to_the_same(sites: dict[str, Path]) -> None:
    asis = decoded(sites["asis"], "memory")
    patched = decoded(sites["patched"], "memory")
    differences = [pair for pair in zip(asis, patched, strict=True) if pair[0] != pair[1]]
    assert differences == []
    # All kinds of columns, values and errors were there.
    assert len(asis) > 140_000
    assert {"float", "Decimal", "datetime", "date", "timedelta", "str", "bytes", "int", "list"} <= {
        line.partition(": ")[2].partition(" ")[0] for line in asis
    }
    assert any("UnicodeDecodeError" in line for line in asis)
    assert any("Truncated row packet" in line for line in asis)


def test_every_parameter_is_encoded_to_the_same(sites: dict[str, Path]) -> None:
    asis = decoded(sites["asis"], "memory", worker=ENCODING)
    patched = decoded(sites["patched"], "memory", worker=ENCODING)
    differences = [pair for pair in zip(asis, patched, strict=True) if pair[0] != pair[1]]
    assert differences == []
    # All kinds of results were there: packed, not to be packed, and errors.
    assert len(asis) > 50_000
    for kind in ("(b'", "None", "UnicodeEncodeError: ", "ValueError: ", "ProgrammingError: "):
        assert any(line.partition(": ")[2].startswith(kind) for line in asis), kind


def test_a_real_server_stores_what_it_was_given(sites: dict[str, Path], server: MariaDB) -> None:
    """By one text and by one bulk statement of MariaDB."""
    asis, patched = (
        decoded(sites[name], "server", json.dumps(connection_to(server)), worker=ENCODING)
        for name in ("asis", "patched")
    )
    assert asis == patched
    assert [line for line in patched if " is not (" in line] == []
    assert {"0: 400 rows", "10: 400 rows"} <= set(patched)


def test_floats_are_those_of_python(sites: dict[str, Path]) -> None:
    compared = 0
    for line in decoded(sites["patched"], "memory"):
        kind, _, rest = line.partition(" ")
        text, _, value = rest.partition(": ")
        if kind == "float" and value.startswith("float "):
            assert value == f"float {float(eval_bytes(text)).hex()} not tracked", line
            compared += 1
    assert compared > 20_000


def eval_bytes(text: str) -> bytes:
    """The value of a literal `b'...'` of ASCII."""
    return text[2:-1].encode("ascii")


def test_a_real_server_is_read_to_the_same(sites: dict[str, Path], server: MariaDB) -> None:
    connection = connection_to(server)
    asis = decoded(sites["asis"], "server", json.dumps(connection))
    patched = decoded(sites["patched"], "server", json.dumps(connection))
    assert asis == patched
    assert "huge: int 18446744073709551615" in patched
    assert "moment: str '0000-00-00 00:00:00.000000'" in patched
    assert "short: str 'ü'" in patched


def test_importing_it_leaves_arithmetic_as_it_is(sites: dict[str, Path]) -> None:
    code = "import asyncmy.protocol, sys; sys.exit(5e-324 == 0.0)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(sites["patched"])}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
