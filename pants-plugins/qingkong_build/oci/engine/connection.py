"""Connections to an engine, each with an end: unix sockets, TCP, TLS, and the `ssh` client.

The `docker` package speaks the API over them. Its own transports have a limit for each read only,
so that an engine that sends a byte now and then holds a call for ever, and none at all over ssh.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import urllib3.connection
import urllib3.connectionpool
from docker.transport.unixconn import UnixHTTPAdapter

from qingkong_build.oci.engine.address import EngineAddress, split_port
from qingkong_build.oci.engine.errors import EngineUnreachableError

CONNECT_SECONDS = 5.0
#: Another machine has to be reached, and a key to be agreed on.
SSH_CONNECT_SECONDS = 15.0


@dataclass(frozen=True)
class Limits:
    """Seconds that a call may take: `silence` between two parts of the answer, `total` in all."""

    silence: float
    total: float


@dataclass
class Wire:
    """All connections of one call. When its time is over they are shut, whoever waits on them.

    Attributes:
        environment: for the `ssh` client.
    """

    address: EngineAddress
    environment: Mapping[str, str]
    limits: Limits
    expired: bool = False
    _sockets: list[socket.socket] = field(default_factory=list)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _ssh_messages: list[IO[bytes]] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The time runs inside the block; whatever is open is closed after it."""
        timer = threading.Timer(self.limits.total, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._close()

    def connect(self) -> socket.socket:
        """A new connection to the engine."""
        try:
            connection = getattr(self, f"_connect_{self.address.scheme}")()
        except socket.timeout:
            seconds = f"{CONNECT_SECONDS:g}"
            raise EngineUnreachableError(f"takes no connection within {seconds} s") from None
        assert isinstance(connection, socket.socket)
        connection.settimeout(self.limits.silence)
        return connection

    @property
    def ssh_message(self) -> str:
        """What the `ssh` client said last, once the call is over."""
        for file in self._ssh_messages:
            file.seek(0)
            lines = file.read().decode(errors="replace").strip().splitlines()
            if lines:
                return lines[-1].strip()
        return ""

    def _keep(self, connection: socket.socket) -> None:
        connection.settimeout(CONNECT_SECONDS)
        self._sockets.append(connection)

    def _connect_unix(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        self._keep(connection)
        connection.connect(self.address.rest)
        return connection

    def _connect_tcp(self) -> socket.socket:
        host, port = split_port(self.address.rest, 2375, self.address.url)
        host = host.strip("[]")
        connection = socket.create_connection((host, port), CONNECT_SECONDS)
        self._keep(connection)
        if self.address.tls is None:
            return connection
        secured = self._tls_context().wrap_socket(connection, server_hostname=host)
        # What was wrapped is spent.
        self._sockets[-1] = secured
        return secured

    def _tls_context(self) -> ssl.SSLContext:
        tls = self.address.tls
        assert tls is not None
        try:
            context = ssl.create_default_context(cafile=tls.file("ca.pem"))
            if not tls.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            certificate, key = tls.file("cert.pem"), tls.file("key.pem")
            if certificate and key:
                context.load_cert_chain(certificate, key)
        except OSError as error:
            raise EngineUnreachableError(f"its certificates in {tls.directory}: {error}") from error
        return context

    def _connect_ssh(self) -> socket.socket:
        # A real socket, so that reads have limits; the client is given its other end.
        ours, theirs = socket.socketpair()
        self._keep(ours)
        target, _, path = self.address.rest.partition("/")
        user, _, host = target.rpartition("@")
        host, port = split_port(host, 0, self.address.url)
        # ssh's own name for a host has no brackets.
        command = ["ssh", "-T", "-o", "BatchMode=yes"]
        command += ["-o", f"ConnectTimeout={SSH_CONNECT_SECONDS:.0f}"]
        command += ["-l", user] if user else []
        command += ["-p", str(port)] if port else []
        command += ["--", host.strip("[]"), "docker"]
        command += ["--host", f"unix:///{path}"] if path else []
        messages = tempfile.TemporaryFile()  # noqa: SIM115 - read when the call is over
        self._ssh_messages.append(messages)
        with theirs:
            self._processes.append(
                subprocess.Popen(
                    [*command, "system", "dial-stdio"],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=messages,
                    env=dict(self.environment),
                    # An interrupt from the terminal is for the build to handle.
                    start_new_session=True,
                )
            )
        return ours

    def _expire(self) -> None:
        self.expired = True
        self._shut()

    def _shut(self) -> None:
        """Ends whatever reads or writes, in any thread; closing alone would not."""
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        self._shut()
        for connection in self._sockets:
            connection.close()
        for process in self._processes:
            process.terminate()
            try:
                process.wait(timeout=CONNECT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class WireAdapter(UnixHTTPAdapter):
    """Has the `docker` package's client send its requests over a wire."""

    def __init__(self, wire: Wire) -> None:
        super().__init__("http+unix:///engine")  # type: ignore[no-untyped-call]
        self._pool = _Pool(wire)

    def get_connection(self, url: object, proxies: object = None) -> _Pool:
        return self._pool


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, wire: Wire) -> None:
        super().__init__("localhost")
        self._wire = wire

    def _new_conn(self) -> _Connection:
        return _Connection(self._wire)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, wire: Wire) -> None:
        super().__init__("localhost")
        self._wire = wire

    def connect(self) -> None:
        self.sock = self._wire.connect()

    def getresponse(self) -> Any:
        # Whatever limit the request came with: some of the client's calls have none.
        self.timeout = self._wire.limits.silence
        return super().getresponse()
