"""Each way in which a build can go wrong, for real: what it says."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import zipfile
from pathlib import Path

import pytest
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import RuleRunner

from plugin_testing.native_wheels import build, refusal, set_options
from plugin_testing.tiny_packages import PATCHES, SDISTS


def test_a_patch_that_does_not_apply(repository: RuleRunner) -> None:
    repository.write_files({"native/unfit/second.patch": PATCHES[1]})
    message = refusal(repository, "tiny-ext", "native/unfit", patches=["second.patch"])
    assert (
        "'patches' has 'second.patch', which does not apply to tiny-ext-1.0.tar.gz: hunk 1, "
        in (message)
    )
    assert "'tiny_ext/__init__.py': line 1 should be 'first = 1', but the file ends" in message
    assert "Make the patch again" in message


def test_a_patch_that_is_not_there(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/absent-patch", patches=["no.patch"])
    assert "'patches' field in target native/absent-patch:wheel has 'no.patch'" in message
    assert "there is no file native/absent-patch/no.patch" in message


def test_a_build_that_reaches_out(repository: RuleRunner, wheel: tuple[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel[1])) as archive:
        record = json.loads(archive.read("tiny_ext-1.0.dist-info/native_wheel.json"))
    assert record["network"] in {"isolated", "not isolated"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        message = refusal(
            repository, "reaches-out", "native/network", env_vars={"LISTENER": str(port)}
        )
        # Where the kernel isolates, nothing connected.
        if record["network"] == "isolated":
            with pytest.raises(BlockingIOError):
                server.accept()
    assert "'project' 'reaches-out' 1.0 tried to reach the network" in message
    assert f"socket.connect 127.0.0.1:{port}" in message
    assert message.count("native_wheel: target") == 1
    assert "Traceback" not in message.split("native_wheel: target")[0].split("stderr")[-1]


def test_wrong_sha256(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/sha256", sha256="0" * 64)
    assert f"for target native/sha256:wheel failed: sha256={'0' * 64}: " in message
    assert hashlib.sha256(SDISTS["tiny-ext"]).hexdigest() in message


def test_wrong_size(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/size", size=7)
    assert "for target native/size:wheel failed: size=7: " in message


def test_not_on_the_index(repository: RuleRunner, index: str) -> None:
    message = refusal(repository, "absent", "native/absent")
    assert "project='absent' version='1.0'" in message
    assert f"{index}/absent/: the server answers 404" in message


def test_no_extension_module(repository: RuleRunner) -> None:
    message = refusal(repository, "pure", "native/pure")
    assert "'project' 'pure' 1.0 compiled no extension module" in message
    assert "Use a python_requirement" in message


def test_a_flag_that_the_build_script_drops(repository: RuleRunner) -> None:
    message = refusal(repository, "stubborn", "native/stubborn")
    assert "'compile_args' has '-Os', which did not reach 1 of 1 compiler commands" in message


def test_code_that_does_not_compile(repository: RuleRunner) -> None:
    message = refusal(repository, "broken", "native/broken")
    assert "'project' 'broken' 1.0 does not build: the compiler" in message
    assert "'compile_args' are ['-Os', '-flto', '-ffast-math']" in message
    # The compiler's last lines, and not the thousands that come before or around them.
    assert "this is broken: 999" in message
    assert "this is broken: 100 " not in message
    assert "running build_ext" not in message
    # From what the build says on, without the engine's own traceback before it.
    assert len(message.split("native_wheel: target")[-1].splitlines()) < 40


def test_missing_headers(repository: RuleRunner) -> None:
    message = refusal(repository, "headers", "native/headers")
    assert "'project' 'headers' 1.0 does not build: the header 'no/such.h' was not found" in message
    assert "`apt-file search no/such.h`" in message


def test_missing_headers_of_python(repository: RuleRunner) -> None:
    message = refusal(repository, "python-headers", "native/python-headers")
    assert "the headers of CPython 3.12 are missing: there is no 'Python.h' in " in message
    assert "`apt-get install python3.12-dev`" in message


def test_a_flag_that_the_compiler_does_not_know(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/flag", compile_args=["--no-such-flag"])
    assert "'compile_args' has '--no-such-flag', which the compiler (" in message
    assert "Correct the flag or take it out" in message


def test_unknown_profile(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/profile", profile="fast")
    assert "'profile' field in target native/profile:wheel is 'fast'" in message


def test_manylinux_that_auditwheel_denies(repository: RuleRunner) -> None:
    message = refusal(repository, "new-symbol", "native/new", manylinux="manylinux_2_17")
    assert "'manylinux' is 'manylinux_2_17', but auditwheel allows " in message
    assert "libc.so.6 with the symbol versions GLIBC_2.25" in message


def test_an_interpreter_for_which_no_wheel_is(repository: RuleRunner, index: str) -> None:
    set_options(repository, index, python="CPython>=3.11,<3.13")
    try:
        message = refusal(repository, "tiny-ext", "native/python")
    finally:
        set_options(repository, index)
    assert "'interpreter_constraints' field in target native/python:wheel is not set" in message
    assert "of the known interpreters 3.11, 3.12. A wheel" in message


def test_a_wheel_for_the_wrong_interpreter(repository: RuleRunner) -> None:
    message = refusal(repository, "foreign", "native/foreign")
    assert "'project' 'foreign' 1.0 built tiny_ext-1.0-cp39-cp39-" in message
    assert "'interpreter_constraints': CPython 3.12" in message


def test_a_project_that_is_in_a_lockfile_too(repository: RuleRunner) -> None:
    message = refusal(
        repository, "setuptools", "native/locked", version="84.2.1", modules=["setuptools"]
    )
    assert "'project' field in target native/locked:wheel is 'setuptools'" in message
    assert "the resolve 'native-build': native-build.lock has version 84.2.1" in message


def test_unknown_build_resolve(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/resolve", build_resolve="tools")
    assert "'build_resolve' field in target native/resolve:wheel is 'tools'" in message
    assert "[python.resolves] has only: native-build" in message


def test_no_compiler(repository: RuleRunner, index: str, tmp_path: Path) -> None:
    set_options(repository, index, f"--native-wheels-search-path=['{tmp_path}']")
    try:
        with pytest.raises(ExecutionError) as error:
            build(repository, "tiny-ext", "native/compiler")
    finally:
        set_options(repository, index)
    message = str(error.value)
    assert f"looked for gcc, cc, clang in {tmp_path}" in message
    assert "apt-get install gcc libc6-dev" in message
