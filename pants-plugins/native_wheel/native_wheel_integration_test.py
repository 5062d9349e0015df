"""Builds a real package with a real compiler, through Pants' own PEP 517 front end."""

from __future__ import annotations

import base64
import csv
import hashlib
import http.server
import io
import json
import socket
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.goals import package_dists
from pants.backend.python.subsystems.setuptools import PythonDistributionFieldSet
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.core.goals.package import BuiltPackage
from pants.engine.addresses import Address
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from native_wheel import register
from plugin_testing import machine

PYTHON = "CPython==3.12.*"
SETUP = """\
from setuptools import Extension, setup

setup(
    name="tiny-ext",
    version="1.0",
    packages=["tiny_ext"],
    package_data={"tiny_ext": ["*.c"]},
    ext_modules=[Extension("tiny_ext.answer", ["tiny_ext/answer.c"], extra_compile_args=["-O1"])],
)
"""
SOURCE = """\
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *answer(PyObject *self, PyObject *unused) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, 0}, {0, 0, 0, 0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "answer", 0, -1, methods};
PyMODINIT_FUNC PyInit_answer(void) { return PyModule_Create(&module); }
"""
# A build script that has its own opinion about flags.
DROPS_FLAGS = """\
from setuptools.command.build_ext import build_ext


class Stubborn(build_ext):
    def build_extensions(self):
        compile = self.compiler.compile
        self.compiler.compile = lambda *args, **kwargs: compile(
            *args, **{**kwargs, "extra_postargs": ["-O1"]}
        )
        super().build_extensions()


""" + SETUP.replace('version="1.0",', 'version="1.0", cmdclass={"build_ext": Stubborn},')
# Fails unless patch, macro and variable have arrived.
WANTS_FIELDS = (
    """\
import os

assert os.environ["TINY_MODE"] == "fast"
"""
    + SETUP
)
WANTS_MACRO = SOURCE.replace("FromLong(42)", "FromLong(ANSWER)")
PATCHES = (
    "--- a/tiny_ext/__init__.py\n+++ b/tiny_ext/__init__.py\n@@ -0,0 +1 @@\n+first = 1\n",
    "--- a/tiny_ext/__init__.py\n+++ b/tiny_ext/__init__.py\n@@ -1 +1 @@\n-first = 1\n+two = 2\n",
)
# A build script that asks a host, and goes on without an answer.
REACHES_OUT = (
    """\
import contextlib
import os
import socket

with contextlib.suppress(OSError):
    socket.create_connection(("127.0.0.1", int(os.environ["LISTENER"])), timeout=5).close()
"""
    + SETUP
)
NO_EXTENSION = 'from setuptools import setup\nsetup(name="tiny-ext", packages=["tiny_ext"])\n'


def sdist(setup: str = SETUP, source: str = SOURCE) -> bytes:
    """A source distribution of a package with one extension module."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in (
            ("setup.py", setup),
            ("tiny_ext/__init__.py", ""),
            ("tiny_ext/answer.c", source),
        ):
            info = tarfile.TarInfo(f"tiny_ext-1.0/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


SDISTS = {
    "tiny-ext": sdist(),
    "broken": sdist(source="#error this is broken\n"),
    "stubborn": sdist(setup=DROPS_FLAGS),
    "pure": sdist(setup=NO_EXTENSION),
    "fields": sdist(setup=WANTS_FIELDS, source=WANTS_MACRO),
    "reaches-out": sdist(setup=REACHES_OUT),
}


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package index with the packages above, on this machine."""
    root = tmp_path_factory.mktemp("index")
    for project, content in SDISTS.items():
        name = f"{project.replace('-', '_')}-1.0.tar.gz"
        page = root / "simple" / project
        page.mkdir(parents=True)
        (page / name).write_bytes(content)
        (page / "index.html").write_text(f'<a href="{name}#sha256=unused">{name}</a>')
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Handler, directory=str(root))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def repository(index: str) -> RuleRunner:
    """A repository with the plugin, this repository's build requirements and that index."""
    runner = RuleRunner(
        rules=[
            *package_dists.rules(),
            *target_types_rules.rules(),
            *register.rules(),
            QueryRule(BuiltPackage, [PythonDistributionFieldSet]),
            QueryRule(PythonExecutable, [InterpreterConstraints]),
            QueryRule(DigestContents, [Digest]),
        ],
        target_types=register.target_types(),
    )
    lockfile = Path("3rdparty/native-build.lock").read_text()
    runner.write_files({"native-build.lock": lockfile})
    set_options(runner, index)
    return runner


def set_options(runner: RuleRunner, index: str, *args: str) -> None:
    machine.set_options(
        runner,
        [
            f"--python-interpreter-constraints=['{PYTHON}']",
            "--python-enable-resolves",
            "--python-resolves={'native-build': 'native-build.lock'}",
            "--python-default-resolve=native-build",
            f"--python-repos-indexes=['{index}']",
            *args,
        ],
    )


def build(runner: RuleRunner, project: str, directory: str, **fields: Any) -> tuple[str, bytes]:
    """Build the wheel of a target in `directory`; return its name and content."""
    content = SDISTS.get(project, b"")
    values = {
        "name": "wheel",
        "project": project,
        "version": "1.0",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "compile_args": ["-Os", "-flto", "-ffast-math"],
        "link_args": ["-flto", "-s"],
        "exclude": ["*.c"],
        "profile": "small",
        **fields,
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in values.items())
    runner.write_files({f"{directory}/BUILD": f"native_wheel({arguments})\n"})
    target = runner.get_target(Address(directory, target_name="wheel"))
    package = runner.request(BuiltPackage, [PythonDistributionFieldSet.create(target)])
    (file,) = runner.request(DigestContents, [package.digest])
    return file.path, file.content


def refusal(runner: RuleRunner, project: str, directory: str, **fields: Any) -> str:
    """The error of a build that must fail, which must name its target."""
    with pytest.raises(ExecutionError) as error:
        build(runner, project, directory, **fields)
    message = str(error.value)
    assert f"target {directory}:wheel" in message
    return message


@pytest.fixture(scope="module")
def wheel(repository: RuleRunner) -> tuple[str, bytes]:
    return build(repository, "tiny-ext", "native/one")


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
    assert provenance["profile"] == "small"
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


def test_a_patch_that_does_not_apply(repository: RuleRunner) -> None:
    repository.write_files({"native/unfit/second.patch": PATCHES[1]})
    message = refusal(repository, "tiny-ext", "native/unfit", patches=["second.patch"])
    assert (
        "'patches' has 'second.patch', which does not apply to tiny-ext-1.0.tar.gz: hunk 1, "
        in (message)
    )
    assert "'tiny_ext/__init__.py': line 1 should be 'first = 1', but the file ends" in message
    assert "Make the patch anew" in message


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
        # Where the kernel isolates, nobody came.
        if record["network"] == "isolated":
            with pytest.raises(BlockingIOError):
                server.accept()
    assert "'project' 'reaches-out' 1.0 tried to reach the network" in message
    assert f"socket.connect 127.0.0.1:{port}" in message
    assert message.count("native_wheel: target") == 1
    assert "Traceback" not in message.split("native_wheel: target")[0].split("stderr")[-1]


def test_wrong_sha256(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/sha256", sha256="0" * 64)
    assert f"'sha256' field in target native/sha256:wheel is {'0' * 64}" in message
    assert hashlib.sha256(SDISTS["tiny-ext"]).hexdigest() in message


def test_wrong_size(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/size", size=7)
    assert "'size' field in target native/size:wheel is 7" in message


def test_not_on_the_index(repository: RuleRunner, index: str) -> None:
    message = refusal(repository, "absent", "native/absent")
    assert "'absent' '1.0'" in message
    assert f"{index}/absent/: HTTPError: HTTP Error 404" in message


def test_no_extension_module(repository: RuleRunner) -> None:
    message = refusal(repository, "pure", "native/pure")
    assert "'project' 'pure' 1.0 compiled no extension module" in message
    assert "Use a python_requirement" in message


def test_a_flag_that_the_build_script_drops(repository: RuleRunner) -> None:
    message = refusal(repository, "stubborn", "native/stubborn")
    assert "'compile_args' has '-Os', which did not reach 1 of 1 compiler commands" in message


def test_code_that_does_not_compile(repository: RuleRunner) -> None:
    message = refusal(repository, "broken", "native/broken")
    assert "this is broken" in message
    assert "'project' 'broken' 1.0 does not build" in message


def test_a_flag_that_the_compiler_does_not_know(repository: RuleRunner) -> None:
    message = refusal(repository, "tiny-ext", "native/flag", compile_args=["--no-such-flag"])
    assert "correct 'compile_args' ['--no-such-flag'] or 'link_args'" in message


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
