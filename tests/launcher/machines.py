"""Machines to try the launcher on: temporary copies of it, with homes and package indexes.

Most tests let the real launcher set up a stand-in for Pants, a tiny wheel of the same name from an
index on loopback, so that a set-up takes seconds and no network. One set-up per session is of the
real Pants, from the index that this machine's pip uses.
"""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import io
import os
import shutil
import socket
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

LAUNCHER = ("pants", ".pants.bootstrap", "build-support/bootstrap")

# What pip needs to reach the index of this machine.
NETWORK = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)

# Prints what it was started with, as the real client would use it.
STAND_IN_CLIENT = b"""#!/bin/sh
[ -n "$_PANTS_SERVER_EXE" ] || exit 75
printf 'directory=%s\\n' "$PWD"
for argument in "$@"; do printf 'argument=%s\\n' "$argument"; done
env
"""

# The Python program, with what our start of it looks at: its version is none that is patched.
STAND_IN_SERVER = {
    "pants/__init__.py": b"",
    "pants/version.py": b"VERSION = '0'\n",
    "pants/bin/__init__.py": b"",
    "pants/bin/pants_loader.py": (
        b"import sys\ndef main():\n    print('the python program', *sys.argv[1:])\n"
    ),
}


def wheel(name: str, version: str, files: Mapping[str, bytes], scripts: str = "") -> bytes:
    info = f"{name.replace('-', '_').replace('.', '_')}-{version}.dist-info"
    content = dict(files)
    content[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    )
    content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if scripts:
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n".encode()
    content[f"{info}/RECORD"] = "".join(
        f"{path},,\n" for path in [*content, f"{info}/RECORD"]
    ).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return buffer.getvalue()


@dataclass
class Index:
    """A package index on loopback, with its files laid out by hash."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    # A request for a file of the package `held` waits until it is `released`.
    held: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    prefix: str = "/some/mirror/packages"
    url: str = ""
    # `user:password` that every request has to show, if any.
    login: str = ""

    def add(self, name: str, version: str, data: bytes) -> str:
        """Serves a wheel; returns its line in a hash-locked list."""
        file = f"{name.replace('-', '_').replace('.', '_')}-{version}-py3-none-any.whl"
        self.files.setdefault(name.replace(".", "-"), {})[file] = data
        return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(data).hexdigest()}\n"

    def path_of(self, data: bytes) -> str:
        digest = hashlib.blake2b(data, digest_size=32).hexdigest()
        return f"{self.prefix}/{digest[:2]}/{digest[2:4]}/{digest[4:]}"

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        parts = path.strip("/").split("/")
        if parts[0] == "simple":
            links = (
                f'<a href="{self.path_of(data)}/{file}#sha256={hashlib.sha256(data).hexdigest()}">'
                f"{file}</a>"
                for file, data in self.files.get(parts[1], {}).items()
            )
            return ("<!DOCTYPE html><body>" + "".join(links)).encode()
        for name, files in self.files.items():
            for file, data in files.items():
                if path == f"{self.path_of(data)}/{file}":
                    if name == self.held:
                        self.reached.set()
                        self.released.wait(30)
                    return data
        return None

    def downloads(self, name: str) -> int:
        return sum(path.endswith(".whl") and f"/{name}-" in path for path in self.asked)


def serve() -> Iterator[Index]:
    served = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = base64.b64encode(served.login.encode()).decode()
            if served.login and self.headers.get("Authorization") != f"Basic {wanted}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data = served.answer(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header(
                "Content-Type", "text/html" if "/simple/" in self.path else "application/zip"
            )
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    yield served
    served.released.set()
    server.shutdown()
    server.server_close()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return cast(int, sock.getsockname()[1])


@dataclass
class Interpreters:
    python39: str
    python312: str


@dataclass
class Outcome:
    code: int
    stdout: str
    stderr: str

    @property
    def settings(self) -> dict[str, str]:
        """What the stand-in for Pants's client was started with."""
        assert self.code == 0, self.stderr
        lines = (line.partition("=") for line in self.stdout.splitlines())
        return {name: value for name, _, value in lines}

    def failed(self, *parts: str) -> None:
        """Failed with one message that says what, where, the value and the fix."""
        assert self.code not in (0, -2), self.stdout
        messages = [text for text in self.stderr.split("./pants: ") if "\n  where: " in text]
        assert len(messages) == 1, self.stderr
        for field_name in ("\n  value: ", "\n  fix:   "):
            assert field_name in messages[0], self.stderr
        assert "Traceback" not in self.stderr
        for part in parts:
            assert part in messages[0], self.stderr


@dataclass
class Machine:
    """A copy of the launcher, and the environment of the user who starts it."""

    root: Path
    environment: dict[str, str]

    @property
    def pants_toml(self) -> Path:
        return self.root / "pants.toml"

    @property
    def bootstrap(self) -> Path:
        return self.root / "build-support" / "bootstrap"

    @property
    def state(self) -> Path:
        return Path(self.environment["HOME"], ".cache", "qingkong-build")

    @property
    def saved_settings(self) -> Path:
        """What a start in this repository kept for the next one."""
        return self.state / "private" / f"settings-{str(self.root).replace('/', '%')[-200:]}"

    def lock(self, name: str, *lines: str) -> None:
        (self.bootstrap / f"{name}.requirements.txt").write_text("".join(lines))

    def popen(self, *arguments: str, **changes: str | None) -> subprocess.Popen[str]:
        environment = {k: v for k, v in self.environment.items() if k not in changes}
        environment.update({k: v for k, v in changes.items() if v is not None})
        return subprocess.Popen(
            [str(self.root / "pants"), *arguments],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, *arguments: str, **changes: str | None) -> Outcome:
        process = self.popen(*arguments, **changes)
        stdout, stderr = process.communicate(timeout=240)
        return Outcome(process.returncode, stdout, stderr)


def copy_launcher(root: Path) -> Path:
    for name in LAUNCHER:
        source, target = Path(name), root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "BUILD"))
        else:
            shutil.copy2(source, target)
    return root


def make_machine(directory: Path, interpreters: Interpreters) -> Machine:
    root = copy_launcher(directory / "a repository")
    home = directory / "home"
    home.mkdir()
    return Machine(
        root,
        {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PANTS_PYTHON39": interpreters.python39,
            "PANTS_PYTHON312": interpreters.python312,
        },
    )


def with_stand_in(machine: Machine, index: Index, client: bytes = STAND_IN_CLIENT) -> Machine:
    """Locks a stand-in for Pants that `index` serves, and makes that the user's index."""
    pants = wheel(
        "pantsbuild.pants",
        "2.17.1",
        {**STAND_IN_SERVER, "pants/bin/native_client": client},
        scripts="pants = pants.bin.pants_loader:main",
    )
    probe = wheel("ansicolors", "1.1.8", {"colors.py": b""})
    # The pip that installs the rest is a real one: that of the interpreter.
    pip = next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))
    machine.lock("installer", index.add("pip", pip.name.split("-")[1], pip.read_bytes()))
    machine.lock(
        "pants",
        index.add("ansicolors", "1.1.8", probe),
        index.add("pantsbuild.pants", "2.17.1", pants),
    )
    machine.pants_toml.write_text("")
    machine.environment.update(
        PIP_INDEX_URL=index.url, PIP_CONFIG_FILE=os.devnull, PIP_NO_CACHE_DIR="1"
    )
    return machine


@dataclass
class Ready:
    machine: Machine
    index: Index
    first: tuple[Outcome, Outcome]


@dataclass
class RealStart:
    machine: Machine
    process: subprocess.Popen[str]
    ended: Outcome | None = None

    def outcome(self) -> Outcome:
        if self.ended is None:
            stdout, stderr = self.process.communicate(timeout=300)
            self.ended = Outcome(self.process.returncode, stdout, stderr)
        return self.ended
