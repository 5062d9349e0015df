"""Builds a real package with a real compiler, through Pants' own PEP 517 front end."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import zipfile
from pathlib import Path
from textwrap import dedent

import pytest
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.testutil.rule_runner import RuleRunner

from plugin_testing.native_wheels import PYTHON, build, set_options
from plugin_testing.tiny_packages import PATCHES, SDISTS


def test_content(wheel: tuple[str, bytes]) -> None:
    name, content = wheel
    assert name.startswith("tiny_ext-1.0-cp312-cp312-")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert "tiny_ext/__init__.py" in names
        assert not [name for name in names if name.endswith(".c")]
        (library,) = (name for name in names if name.endswith(".so"))
        # `-s` at link time: no symbols to debug with.
        assert b".symtab" not in archive.read(library)
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}

        record = "tiny_ext-1.0.dist-info/RECORD"
        rows = list(csv.reader(archive.read(record).decode().splitlines()))
        assert sorted(row[0] for row in rows) == sorted(names)
        for path, digest, size in rows:
            if path != record:
                body = archive.read(path)
                expected = base64.urlsafe_b64encode(hashlib.sha256(body).digest())
                assert digest == f"sha256={expected.decode().rstrip('=')}"
                assert size == str(len(body))
        provenance = json.loads(archive.read("tiny_ext-1.0.dist-info/native_wheel.json"))
    assert provenance["compile_args"] == ["-Os", "-flto", "-ffast-math"]
    assert provenance["link_args"] == ["-flto", "-s"]
    assert provenance["sdist_sha256"] == hashlib.sha256(SDISTS["tiny-ext"]).hexdigest()
    assert provenance["profile"] == "custom"
    assert provenance["python"] == "3.12"
    assert "setuptools" in provenance["build_requirements"]


def test_it_works_and_leaves_arithmetic_alone(
    repository: RuleRunner, wheel: tuple[str, bytes], tmp_path: Path
) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel[1])) as archive:
        archive.extractall(tmp_path)
    python = repository.request(PythonExecutable, [InterpreterConstraints([PYTHON])])
    program = dedent(
        """\
        from tiny_ext.answer import answer
        assert answer() == 42
        assert 5e-324 != 0.0, "the library flushes denormal numbers to zero"
        """
    )
    subprocess.run(
        [python.path, "-c", program], env={"PYTHONPATH": str(tmp_path)}, check=True, timeout=60
    )


def test_the_same_bytes_again(repository: RuleRunner, wheel: tuple[str, bytes]) -> None:
    """Another target is another process: nothing of the first build is in a cache for it."""
    assert build(repository, "tiny-ext", "native/two") == wheel


def test_a_package_that_probes(repository: RuleRunner) -> None:
    """The flags are looked for where a module is compiled, and not where `setup.py` asks."""
    _, content = build(repository, "probes", "native/probes")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert [name for name in archive.namelist() if name.endswith(".so")]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_for_each_processor(repository: RuleRunner, machine: str) -> None:
    """One of the two is this machine's; the other takes the cross compiler."""
    platform = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[machine]
    name, content = build(repository, "tiny-ext", f"native/{machine}", platform=platform)
    assert name == f"tiny_ext-1.0-cp312-cp312-linux_{machine}.whl"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (library,) = (each for each in archive.namelist() if each.endswith(".so"))
        assert library.endswith(f".cpython-312-{machine}-linux-gnu.so")
        # `e_machine` of the ELF header.
        assert archive.read(library)[18] == {"x86_64": 62, "aarch64": 183}[machine]
        record = json.loads(archive.read("tiny_ext-1.0.dist-info/native_wheel.json"))
        tags = archive.read("tiny_ext-1.0.dist-info/WHEEL").decode()
    assert f"Tag: cp312-cp312-linux_{machine}\n" in tags
    cross = machine != os.uname().machine
    assert record.get("machine") == (machine if cross else None)
    assert record["compile_args"] == ["-Os", "-flto", "-ffast-math"]


def test_patches_macros_variables_and_local_version(repository: RuleRunner, tmp_path: Path) -> None:
    # Against the alphabet: the order is the list's.
    patches = ["2.patch", "1.patch"]
    repository.write_files({f"native/fields/{name}": text for name, text in zip(patches, PATCHES)})
    name, content = build(
        repository,
        "fields",
        "native/fields",
        patches=patches,
        define_macros={"ANSWER": "43"},
        env_vars={"TINY_MODE": "fast"},
        local_version="fast.1",
    )
    assert name.startswith("tiny_ext-1.0+fast.1-cp312-cp312-")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    python = repository.request(PythonExecutable, [InterpreterConstraints([PYTHON])])
    program = dedent(
        """\
        import importlib.metadata
        import tiny_ext.answer
        assert tiny_ext.answer.answer() == 43
        assert (tiny_ext.two, hasattr(tiny_ext, "first")) == (2, False)
        assert importlib.metadata.version("tiny-ext") == "1.0+fast.1"
        """
    )
    subprocess.run(
        [python.path, "-c", program], env={"PYTHONPATH": str(tmp_path)}, check=True, timeout=60
    )
    record = tmp_path / "tiny_ext-1.0+fast.1.dist-info/native_wheel.json"
    provenance = json.loads(record.read_text())
    assert provenance["define_macros"] == {"ANSWER": "43"}
    assert provenance["env_vars"] == {"TINY_MODE": "fast"}
    assert provenance["local_version"] == "fast.1"
    assert provenance["version"] == "1.0"
    assert provenance["patches"] == [
        {"name": name, "sha256": hashlib.sha256(text.encode()).hexdigest()}
        for name, text in zip(patches, PATCHES)
    ]


def test_the_flags_of_a_profile(repository: RuleRunner) -> None:
    # Where it happened is in no debug information: another directory, the same bytes.
    first, second = (
        build(
            repository, "tiny-ext", directory, profile="debug", compile_args=["-g3"], link_args=[]
        )
        for directory in ("native/debug", "native/elsewhere/debug")
    )
    assert first == second
    content = first[1]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        record = json.loads(archive.read("tiny_ext-1.0.dist-info/native_wheel.json"))
        (library,) = (name for name in archive.namelist() if name.endswith(".so"))
        assert b".debug_info" in archive.read(library)
    assert (record["profile"], record["compile_args"]) == ("debug", ["-O0", "-g", "-g3"])


def test_a_profile_of_the_repository(repository: RuleRunner, index: str) -> None:
    option = "--native-wheels-profiles=+{'ours': {'compile_args': ['-O1'], 'link_args': ['-s']}}"
    set_options(repository, index, option)
    try:
        _, content = build(
            repository, "tiny-ext", "native/ours", profile="ours", compile_args=[], link_args=[]
        )
    finally:
        set_options(repository, index)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        record = json.loads(archive.read("tiny_ext-1.0.dist-info/native_wheel.json"))
    assert (record["profile"], record["compile_args"]) == ("ours", ["-O1"])
    assert record["link_args"] == ["-s"]


def test_manylinux(repository: RuleRunner) -> None:
    name, content = build(repository, "tiny-ext", "native/many", manylinux="manylinux_2_36")
    tag = name.removesuffix(".whl").rsplit("-", 1)[1]
    assert re.fullmatch(r"manylinux_2_\d+_\w+", tag)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        metadata = archive.read("tiny_ext-1.0.dist-info/WHEEL").decode()
        record = json.loads(archive.read("tiny_ext-1.0.dist-info/native_wheel.json"))
    assert f"Tag: cp312-cp312-{tag}" in metadata.splitlines()
    assert record["manylinux"] == "manylinux_2_36"
    assert "auditwheel" in record["build_requirements"]
