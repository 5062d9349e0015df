"""Pants itself, with an index that wants a password, and who gets to see the password."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from plugin_testing.real_pants import PATIENCE_SECONDS, Clone, CountingCompiler
from plugin_testing.tiny_packages import SDISTS

PASSWORD = "the-password-of-the-index"
SAID = f"Basic {base64.b64encode(f'me:{PASSWORD}'.encode()).decode()}"
WHEEL = "one-1.0-py3-none-any.whl"


class Handler(SimpleHTTPRequestHandler):
    """Files for who knows the password."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") == SAID:
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def private_index(root: Path) -> Iterator[int]:
    """The port of an index that has one sdist and one wheel."""
    page = root / "simple" / "tiny-ext"
    page.mkdir(parents=True)
    (page / "tiny_ext-1.0.tar.gz").write_bytes(SDISTS["tiny-ext"])
    (page / "index.html").write_text('<a href="tiny_ext-1.0.tar.gz">it</a>')
    (root / "packages").mkdir()
    info = "one-1.0.dist-info"
    with zipfile.ZipFile(root / "packages" / WHEEL, "w") as archive:
        archive.writestr("one.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: one\nVersion: 1.0\n")
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tags)
        names = ("one.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD")
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))
    handler = partial(Handler, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class Watcher(threading.Thread):
    """Looks at what every user of this machine sees of its processes."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret.encode()
        self.stop = threading.Event()
        self.found: set[bytes] = set()
        self.has_seen_a_download = False

    def run(self) -> None:
        while not self.stop.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = path.read_bytes()
                    self.has_seen_a_download |= b"fetch_file.py" in line
                    if self._secret in line:
                        self.found.add(line)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    with private_index(tmp_path / "index") as port:
        compiler = CountingCompiler(tmp_path / "compiler")
        clone = Clone.make(tmp_path, compiler, f"http://127.0.0.1:{port}/simple", None)
        wheel = (tmp_path / "index" / "packages" / WHEEL).read_bytes()
        artifact = {
            "algorithm": "sha256",
            "hash": hashlib.sha256(wheel).hexdigest(),
            "url": f"http:${{PRIVATE}}/{WHEEL}",
        }
        locked = {
            "artifacts": [artifact],
            "project_name": "one",
            "requires_dists": [],
            "version": "1.0",
        }
        lock = {"requirements": ["one"], "locked_resolves": [{"locked_requirements": [locked]}]}
        (clone.root / "made.lock").write_text(json.dumps(lock))
        (clone.root / "image-layer.lock").write_bytes(
            Path("3rdparty/image-layer.lock").read_bytes()
        )
        settings = (clone.root / "pants.toml").read_text()
        settings = settings.replace(
            'native_wheel"]', 'native_wheel", "qingkong_build.oci.layers"]'
        ).replace(
            "[python.resolves]\n",
            '[python.resolves]\nmade = "made.lock"\nimage-layer = "image-layer.lock"\n',
        )
        (clone.root / "pants.toml").write_text(settings)
        (clone.root / "deploy").mkdir()
        (clone.root / "deploy/BUILD").write_text(
            'requirements_layer(name="layer", path="/usr/lib/python", resolve="made")\n'
        )
        (clone.root / "private-port").write_text(str(port))
        yield clone


def build(clone: Clone, **variables: str) -> tuple[int, str]:
    """Build the wheel and the layer; returns the exit code and what was said."""
    mappings = json.loads(os.environ.get("PANTS_PYTHON_REPOS_PATH_MAPPINGS", "[]"))
    port = (clone.root / "private-port").read_text()
    variables["PANTS_PYTHON_REPOS_PATH_MAPPINGS"] = json.dumps(
        [*mappings, f"PRIVATE|//127.0.0.1:{port}/packages"]
    )
    process = clone.start("-ldebug", "package", "native:wheel", "deploy:layer", **variables)
    output, _ = process.communicate(timeout=2 * PATIENCE_SECONDS)
    return process.returncode, output


def files_with(secret: str, *roots: Path) -> list[Path]:
    """The files below `roots` that have `secret`, or its encoding in a header."""
    wanted = [secret.encode(), SAID[6:].encode()]
    found = []
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                found += [path for text in wanted if text in content]
    return found


def test_no_one_sees_the_password(clone: Clone, tmp_path: Path) -> None:
    netrc = tmp_path / "of-the-user"
    netrc.write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
    netrc.chmod(0o600)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    watcher = Watcher(PASSWORD)
    watcher.start()
    try:
        port = (clone.root / "private-port").read_text()
        code, output = build(
            clone,
            NETRC=str(netrc),
            # For the certificates, proxies and passwords of this session.
            XDG_RUNTIME_DIR=str(runtime),
            PIP_INDEX_URL=f"http://me:{PASSWORD}@127.0.0.1:{port}/simple",
        )
    finally:
        watcher.stop.set()
        watcher.join()
    assert code == 0, output
    assert sorted(path.name for path in clone.built())[0] == "layer.tar"
    assert watcher.has_seen_a_download
    assert not watcher.found
    assert PASSWORD not in output
    # The store, named caches, logs, `dist/`; and what Pants left for its processes is gone.
    assert not files_with(PASSWORD, clone.caches, clone.root)
    assert not list(runtime.iterdir())
