"""Small packages of the tests of `native_wheel`, and an index of this machine that has them."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

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
# A build script that asks the compiler questions before it builds.
PROBES = """\
import os
import subprocess
import tempfile
from pathlib import Path

from setuptools.command.build_ext import build_ext


class Asking(build_ext):
    def build_extensions(self):
        assert self.compiler.has_function("getpid")
        assert not self.compiler.has_function("no_such_function")
        with tempfile.TemporaryDirectory() as folder:
            probe = Path(folder, "probe.c")
            probe.write_text("int probe;")
            words = [os.environ["CC"], "-c", str(probe), "-o", f"{folder}/probe.o"]
            subprocess.run(words, check=True)
            shared = [os.environ["CC"], "-shared", f"{folder}/probe.o", "-o", f"{folder}/probe.so"]
            subprocess.run(shared, check=True)
        super().build_extensions()


""" + SETUP.replace('version="1.0",', 'version="1.0", cmdclass={"build_ext": Asking},')
NO_EXTENSION = 'from setuptools import setup\nsetup(name="tiny-ext", packages=["tiny_ext"])\n'
# In the C library since 2.25.
NEW_CALL = "FromLong(getentropy(&self, 0))"
# Finds no Python.h, as where it is not installed.
FORGETS_HEADERS = """\
from setuptools.command.build_ext import build_ext


class Forgetful(build_ext):
    def build_extensions(self):
        self.compiler.include_dirs = []
        super().build_extensions()


""" + SETUP.replace('version="1.0",', 'version="1.0", cmdclass={"build_ext": Forgetful},')
# Says of itself that it is for another interpreter.
FOREIGN = """\
from setuptools.command.bdist_wheel import bdist_wheel


class Foreign(bdist_wheel):
    def get_tag(self):
        return ("cp39", "cp39", super().get_tag()[2])


""" + SETUP.replace('version="1.0",', 'version="1.0", cmdclass={"bdist_wheel": Foreign},')


def sdist(setup: str = SETUP, source: str = SOURCE) -> bytes:
    """A source distribution of a package with one extension module."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in (
            ("setup.py", setup),
            ("tiny_ext/__init__.py", ""),
            ("tiny_ext/answer.c", source),
        ):
            info = tarfile.TarInfo(f"tiny_ext-1.0/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    # gzip writes the time: always the same, so that builds are found in caches.
    return gzip.compress(buffer.getvalue(), mtime=0)


SDISTS = {
    "tiny-ext": sdist(),
    "broken": sdist(
        source="".join(f"#error this is broken: {number} times\n" for number in range(1000))
    ),
    "headers": sdist(source="#include <no/such.h>\n" + SOURCE),
    "python-headers": sdist(setup=FORGETS_HEADERS),
    "new-symbol": sdist(source="#include <unistd.h>\n" + SOURCE.replace("FromLong(42)", NEW_CALL)),
    "foreign": sdist(setup=FOREIGN),
    "stubborn": sdist(setup=DROPS_FLAGS),
    "probes": sdist(setup=PROBES),
    "pure": sdist(setup=NO_EXTENSION),
    "fields": sdist(setup=WANTS_FIELDS, source=WANTS_MACRO),
    "reaches-out": sdist(setup=REACHES_OUT),
}


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve_index(root: Path) -> Iterator[str]:
    """Serve the packages above from the directory `root`; yield the index's address."""
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
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
