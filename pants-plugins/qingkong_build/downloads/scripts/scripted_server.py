"""A server on loopback that does what a test says, also what no server should."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Received:
    """A request; the names of its headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Connection:
    """What a script answers with."""

    socket: socket.socket

    def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(content)

    def answer(
        self, body: bytes = b"", status: str = "200 OK", length: int | None = None, **headers: str
    ) -> None:
        """Send an answer; `Content_Type="..."` is a header."""
        lines = [f"HTTP/1.1 {status}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body) if length is None else length}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def hang(self) -> None:
        """Do nothing until the client has gone."""
        with contextlib.suppress(OSError):
            while self.socket.recv(1 << 16):
                pass

    def drip(self, piece: bytes) -> None:
        """Send a piece, again and again, until the client has gone."""
        self.socket.settimeout(0.05)
        with contextlib.suppress(OSError):
            while True:
                self.send(piece)
                with contextlib.suppress(socket.timeout):
                    if not self.socket.recv(1):
                        return


Script = Callable[[Received, Connection], None]


@dataclass
class Server:
    """A server that runs. What it was asked is in `received`."""

    port: int
    scheme: str
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def _read(connection: socket.socket) -> Received | None:
    file = connection.makefile("rb")
    method, target, *_ = [*file.readline().decode("latin-1").split(), "", ""]
    headers: dict[str, str] = {}
    while line := file.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = file.read(int(headers.get("content-length", 0)))
    return Received(method, target, headers, body) if method else None


@contextlib.contextmanager
def scripted_server(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server whose every connection has one request, which `script` answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1], "https" if tls else "http")

    def serve(raw: socket.socket) -> None:
        with contextlib.suppress(OSError), raw:
            connection = tls.wrap_socket(raw, server_side=True) if tls else raw
            with connection:
                request = _read(connection)
                if request is not None:
                    server.received.append(request)
                    script(request, Connection(connection))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield server
    finally:
        # It wakes `accept`, which `close` alone does not.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server of 127.0.0.1 needs for TLS, and its certificate, which only it knows."""
    key, path = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", str(key), "-out", str(path), "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context, path
