"""`native_wheel` builds packages of other kinds than the driver (3rdparty/native_examples)."""

from __future__ import annotations

import ctypes
import hashlib
import json
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

import cymem
import cymem.cymem
import pytest
import simplejson
import simplejson._speedups
import xxhash
import xxhash._xxhash

PROJECTS = ("cymem", "simplejson", "xxhash")


@pytest.mark.parametrize("project", PROJECTS)
def test_it_is_the_one_that_we_built(project: str) -> None:
    distribution = metadata.distribution(project)
    record: dict[str, Any] = json.loads(distribution.read_text("native_wheel.json") or "{}")
    assert record["project"] == project
    assert record["version"] == distribution.version
    assert record["compile_args"] == ["-O2", "-flto"]
    files = [str(file) for file in distribution.files or ()]
    assert [name for name in files if name.endswith(".so")]
    assert not [name for name in files if Path(name).suffix in {".c", ".h", ".pyx", ".pxd"}]


@pytest.mark.parametrize(
    "library", [cymem.cymem.__file__, simplejson._speedups.__file__, xxhash._xxhash.__file__]
)
def test_it_is_machine_code_without_symbols(library: str) -> None:
    content = Path(library).read_bytes()
    assert content.startswith(b"\x7fELF")
    assert b".symtab" not in content


def test_simplejson_reads_and_writes_in_c() -> None:
    assert simplejson.encoder.c_make_encoder is simplejson._speedups.make_encoder
    assert simplejson.scanner.c_make_scanner is simplejson._speedups.make_scanner
    value = {"a": [1, 2.5, None, True, "ü\n"], "b": {"c": -(2**70)}}
    text = simplejson.dumps(value, separators=(",", ":"))
    assert text == '{"a":[1,2.5,null,true,"\\u00fc\\n"],"b":{"c":-1180591620717411303424}}'
    assert simplejson.loads(text) == value
    assert simplejson.loads("[1.10]", use_decimal=True) == [Decimal("1.10")]
    with pytest.raises(simplejson.JSONDecodeError, match="line 1 column 4"):
        simplejson.loads("[1,}")


def test_cymem_holds_memory() -> None:
    address = cymem.cymem.Address(3, 8)
    # Zeroed, and ours to write.
    array = (ctypes.c_uint64 * 3).from_address(address.addr)
    assert list(array) == [0, 0, 0]
    array[2] = 2**64 - 1
    assert array[2] == 2**64 - 1
    pool = cymem.cymem.Pool()
    kept = object()
    pool.own_pyref(kept)
    assert pool.refs == [kept]
    assert (pool.size, pool.addresses) == (0, {})
    with pytest.raises(OverflowError):
        cymem.cymem.Address(-1, 8)


def test_xxhash_hashes() -> None:
    # The vectors of the algorithm's own documentation.
    assert xxhash.xxh32_hexdigest(b"") == "02cc5d05"
    assert xxhash.xxh64_hexdigest(b"") == "ef46db3751d8e999"
    assert xxhash.xxh3_64_hexdigest(b"") == "2d06800538d394c2"
    # Long enough for the vector code.
    data = hashlib.sha256(b"seed").digest() * 1000
    stream = xxhash.xxh3_128()
    for start in range(0, len(data), 999):
        stream.update(data[start : start + 999])
    assert stream.digest() == xxhash.xxh3_128_digest(data)
