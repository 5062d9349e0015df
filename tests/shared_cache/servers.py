"""The cache server as `make cache-server` starts it, and nginx in front of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from measuring.commands import environment, run
from server.processes import children_of, find_program, free_port

_SECONDS = 240.0
_PAUSE = 0.05
_PROGRAM = "build-support.cache_server/cache-server.pex"
_CONFIGURATION = Path("deploy/cache_server/cache.conf")


def command() -> list[str]:
    """The program, as Pants packages it for this test, or as it was packaged by hand."""
    programs = [path for path in (Path(_PROGRAM), Path("dist", _PROGRAM)) if path.exists()]
    assert programs, f"./pants package build-support/cache_server:cache-server makes {_PROGRAM}"
    return [sys.executable, str(programs[0].resolve())]


def bgd(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run BuildGrid's own client."""
    return subprocess.run(
        [*command(), *map(str, words)],
        env=environment(PEX_SCRIPT="bgd"),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a program has written something."""
    deadline = time.monotonic() + _SECONDS
    while text not in log.read_text(encoding="utf-8"):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(_PAUSE)


@dataclass
class CacheServer:
    """A server in a folder, which can be started there again."""

    folder: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        words = [*command(), f"--address={self.address}", f"--folder={self.folder}", *self.options]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, env=environment())
        wait_for("cache-server: ready at grpc://", self.log, self.process)

    def send(self, number: signal.Signals) -> int:
        """Send it a signal; its exit status, when all of its programs have ended."""
        assert self.process is not None
        programs = children_of(self.process.pid)
        self.process.send_signal(number)
        status = self.process.wait(_SECONDS)
        self.process = None
        deadline = time.monotonic() + _SECONDS
        while any(os.path.exists(f"/proc/{pid}") for pid in programs):
            assert time.monotonic() < deadline, programs
            time.sleep(_PAUSE)
        return status


@contextmanager
def cache_server(folder: Path, *options: str) -> Iterator[CacheServer]:
    """A server that runs."""
    server = CacheServer(folder, options)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.send(signal.SIGTERM)


@dataclass(frozen=True)
class Proxy:
    """nginx with the configuration of deploy/cache_server. Tokens are files, as Pants wants them.

    `stranger` is an authority that has not signed its certificate.
    """

    port: int
    authority: Path
    stranger: Path
    reader: Path
    writer: Path


@contextmanager
def proxy(folder: Path, server: CacheServer) -> Iterator[Proxy]:
    """nginx with deploy/cache_server/cache.conf in front of a server."""
    folder.mkdir()
    port = free_port()
    _make_certificate(folder)
    for role in ("reader", "writer"):
        (folder / role).write_text(f"token-of-a-{role}\n", encoding="utf-8")
    (folder / "cache-tokens.conf").write_text(
        '"Bearer token-of-a-reader" reader;\n"Bearer token-of-a-writer" writer;\n',
        encoding="utf-8",
    )
    (folder / "cache.conf").write_text(_configuration(folder, port, server), encoding="utf-8")
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr warn;\n"
        "events { worker_connections 512; }\nhttp {\naccess_log off;\n"
        f"client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/fastcgi;\nuwsgi_temp_path {folder}/uwsgi;\n"
        f"scgi_temp_path {folder}/scgi;\ninclude {folder}/cache.conf;\n}}\n",
        encoding="utf-8",
    )
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [find_program("nginx"), "-e", "stderr", "-c", str(main)], stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + _SECONDS
        while not listens(port):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(_PAUSE)
        yield Proxy(
            port, folder / "ca.crt", folder / "stranger.crt", folder / "reader", folder / "writer"
        )
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _make_certificate(folder: Path) -> None:
    """A certificate of an authority: Pants refuses a server's that is one itself."""
    settings = folder / "openssl.cnf"
    settings.write_text(
        "[req]\ndistinguished_name = name\n[name]\n"
        "[authority]\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\n"
        "[server]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:localhost\n",
        encoding="utf-8",
    )
    for name, subject, section, signer in (
        ("ca", "/CN=authority", "authority", ()),
        ("stranger", "/CN=stranger", "authority", ()),
        ("cache", "/CN=localhost", "server", ("-CA", "ca.crt", "-CAkey", "ca.key")),
    ):
        run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-config", settings, "-extensions", section, "-subj", subject, *signer),
                *("-keyout", f"{name}.key", "-out", f"{name}.crt"),
            ],
            folder,
        )


def _configuration(folder: Path, port: int, server: CacheServer) -> str:
    """The configuration with the places of this test."""
    text = _CONFIGURATION.read_text(encoding="utf-8")
    for old, new in (
        ("listen 8981 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/nginx/", f"{folder}/"),
        ("cache-server:8980", server.address),
    ):
        assert old in text
        text = text.replace(old, new)
    return text
