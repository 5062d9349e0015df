"""One HTTP exchange, each part of which has a time limit. Standard library only.

A time limit of a socket is one for each read: a server that sends a byte now and then never
exceeds it. Here the head of an answer has a deadline, and its body a least speed, so that an answer
of N bytes takes at most N / speed + 2 windows.
"""

from __future__ import annotations

import base64
import http.client
import io
import socket
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Union

from network_settings import Settings, origin, without_credentials

Body = Union[bytes, IO[bytes], None]
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes per second, and how often.

    Attributes:
        connect: for a connection to be there, TLS too.
        answer: for the whole head of an answer, from when the request was sent.
        window, speed: each window of a body brings this many bytes per second.
        attempts: at one exchange, in all.
        longest_wait: a server that asks for more before the next attempt is not asked again.
    """

    connect: float = 10.0
    answer: float = 60.0
    window: float = 30.0
    speed: float = 4096.0
    attempts: int = 4
    redirects: int = 10
    longest_wait: float = 60.0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The usual ones; pip's `timeout` and `retries` may make them longer and more."""
        timeout = settings.number("PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT") or 0.0
        retries = settings.number("PIP_RETRIES")
        return cls(
            connect=max(cls.connect, timeout),
            answer=max(cls.answer, timeout),
            window=max(cls.window, timeout),
            attempts=cls.attempts if retries is None else int(retries) + 1,
        )


class SlowServerError(OSError):
    """It sent too little in too much time."""


class _Watch:
    """How long the next read may take."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._deadline: float | None = time.monotonic() + limits.answer
        self._window_ends = 0.0
        self._in_window = 0

    def start_body(self) -> None:
        self._deadline = None
        self._window_ends = time.monotonic() + self._limits.window

    @property
    def is_head(self) -> bool:
        return self._deadline is not None

    def seconds_left(self) -> float:
        now = time.monotonic()
        if self._deadline is not None:
            if now >= self._deadline:
                raise SlowServerError(f"it did not answer in {self._limits.answer:g} seconds")
            return self._deadline - now
        if now >= self._window_ends:
            if self._in_window < self._limits.speed * self._limits.window:
                raise SlowServerError(
                    f"it sent {self._in_window} bytes in {self._limits.window:g} seconds"
                )
            self._window_ends, self._in_window = now + self._limits.window, 0
        return self._window_ends - now

    def count(self, size: int) -> None:
        self._in_window += size


class _LimitedReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, watch: _Watch) -> None:
        self._connection, self._watch = connection, watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._connection.settimeout(max(self._watch.seconds_left(), 0.001))
            try:
                size = self._connection.recv_into(buffer)
            except socket.timeout:
                # Whether that was too long is for the next look at the watch to say.
                continue
            if size == 0 and self._watch.is_head:
                # `http.client` takes the lines that came for all of them.
                raise ConnectionError("the connection ended before the answer began")
            self._watch.count(size)
            return size


class _LimitedSocket:
    """As much of a socket as `http.client` uses."""

    def __init__(self, connection: socket.socket, limits: Limits) -> None:
        self.connection = connection
        self.watch = _Watch(limits)
        self._window = limits.window

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_LimitedReader(self.connection, self.watch), _CHUNK)

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _CHUNK):
            # For all of the chunk, not for each of its packets.
            self.connection.settimeout(self._window)
            self.connection.sendall(view[start : start + _CHUNK])

    def close(self) -> None:
        """Nothing: `http.client` closes it when an answer says that it is the last."""


class Exchange:
    """A request that was sent, and its answer, whose body is read from it. Close it."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
    ) -> None:
        self.url = url
        proxy = settings.proxy(url)
        self._socket = _connect(settings, limits, url, proxy)
        try:
            self._answer = self._send(limits, method, url, proxy, headers, body)
        except BaseException:
            self.close()
            raise
        self.status, self.reason = self._answer.status, self._answer.reason
        self.headers = self._answer.headers

    def _send(
        self,
        limits: Limits,
        method: str,
        url: str,
        proxy: str,
        headers: Mapping[str, str],
        body: Body,
    ) -> http.client.HTTPResponse:
        parts = urllib.parse.urlsplit(url)
        through = _LimitedSocket(self._socket, limits)
        connection = http.client.HTTPConnection(parts.netloc)
        connection.sock = through
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        everything = {"Accept-Encoding": "identity", "User-Agent": "qingkong-build", **headers}
        if proxy and parts.scheme == "http":
            target = parts._replace(fragment="").geturl()
            everything.update(_proxy_headers(proxy))
        connection.request(method, target, body, everything)
        # From here on it is the server's time.
        through.watch = _Watch(limits)
        answer = connection.getresponse()
        through.watch.start_body()
        return answer

    @property
    def announced_size(self) -> int | None:
        """What the answer says that its body has."""
        value = self.headers.get("Content-Length", "")
        return int(value) if value.isdigit() else None

    def read(self, size: int = _CHUNK) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        return self._answer.read(size)

    def close(self) -> None:
        self._socket.close()


def _connect(settings: Settings, limits: Limits, url: str, proxy: str) -> socket.socket:
    to, first = origin(url), origin(proxy or url)
    context = settings.tls_for(url) if to.scheme == "https" else None
    connection = socket.create_connection((first.host, first.port), limits.connect)
    try:
        if context is not None:
            if proxy:
                host = f"[{to.host}]" if ":" in to.host else to.host
                _tunnel(connection, limits, f"{host}:{to.port}", _proxy_headers(proxy))
            # One limit for all of the handshake.
            connection.settimeout(limits.connect)
            connection = context.wrap_socket(connection, server_hostname=to.host)
    except BaseException:
        connection.close()
        raise
    return connection


def _tunnel(
    connection: socket.socket, limits: Limits, where: str, headers: Mapping[str, str]
) -> None:
    through = _LimitedSocket(connection, limits)
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    through.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    answer = http.client.HTTPResponse(through, method="CONNECT")  # type: ignore[arg-type]
    answer.begin()
    if answer.status != 200:
        raise OSError(f"the proxy answers {answer.status} {answer.reason}")


def _proxy_headers(proxy: str) -> dict[str, str]:
    credentials = urllib.parse.unquote(without_credentials(proxy)[1])
    return {"Proxy-Authorization": basic(credentials)} if credentials else {}


def basic(credentials: str) -> str:
    """The header's value for `user:password`."""
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"
