"""HTTP as downloads and registries need it: tried again, limited, and careful with credentials.

    Client(Settings.load()).save("https://…", "file", max_bytes=…)

Credentials are asked of an `Authorizer` for each address that a request comes to, so a redirect to
another origin never carries those of the first. Standard library only.
"""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import http.client
import os
import random
import socket
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Callable, Protocol, TypeVar

from http_connection import Body, Exchange, Limits
from network_settings import Settings, SettingsError, origin, shown, without_credentials

T = TypeVar("T")
# The most that a document may have: an index page, a manifest, a token.
DOCUMENT_BYTES = 64 << 20
# The most that a file may have whose size nothing says.
FILE_BYTES = 8 << 30
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIX_NETWORK = "check the network, the address and the proxy (HTTPS_PROXY, NO_PROXY)"
_FIX_CERTIFICATE = (
    "name the bundle that has the issuer's certificate: [GLOBAL].ca_certs_path, PIP_CERT or "
    "SSL_CERT_FILE"
)


class HttpError(Exception):
    """A request that failed: its address without credentials, why, and how to fix it."""

    def __init__(self, url: str, why: str, fix: str) -> None:
        super().__init__(f"url={shown(url)}: {why}. Fix: {fix}")
        self.url, self.why, self.fix = shown(url), why, fix


class StatusError(HttpError):
    """The server answered with a status that was not wanted."""

    def __init__(self, url: str, why: str, fix: str, status: int, text: str) -> None:
        super().__init__(url, why, fix)
        self.status, self.text = status, text


class TooLargeError(HttpError):
    """It has more bytes than is allowed."""

    def __init__(self, url: str, size: str, max_bytes: int) -> None:
        super().__init__(
            url,
            f"it has {size} bytes where at most {max_bytes} are expected",
            "compare the file with a copy that you trust, and the address with the one you mean",
        )
        self.size = size


class TemporaryError(Exception):
    """The next attempt may succeed. `cause` is what to raise if there is none."""

    def __init__(self, cause: HttpError, wait: float | None = None) -> None:
        super().__init__(str(cause))
        self.cause, self.wait = cause, wait


class Authorizer(Protocol):
    """Who a request is from."""

    def header(self, url: str) -> str:
        """What is said to the server of `url` at once: an `Authorization` header, or ""."""

    def answer(self, url: str, challenge: str) -> str:
        """What is said after a 401 with that `WWW-Authenticate`, "" if there is nothing new."""


class Anonymous:
    """Says nothing."""

    def header(self, url: str) -> str:
        return ""

    def answer(self, url: str, challenge: str) -> str:
        return ""


@dataclass(frozen=True)
class Answer:
    """A small answer. `url` is where it came from in the end."""

    status: int
    headers: Message
    content: bytes
    url: str

    @property
    def content_type(self) -> str:
        return self.headers.get_content_type()


class Client:
    """Sends requests. Every method raises `HttpError` or `SettingsError`."""

    def __init__(
        self,
        settings: Settings,
        authorizer: Authorizer | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.settings = settings
        self.limits = Limits.of(settings) if limits is None else limits
        self._authorizer = authorizer or Anonymous()
        self._sleep = sleep or time.sleep

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        accepted: Sequence[int] = (200,),
        max_bytes: int = DOCUMENT_BYTES,
    ) -> Answer:
        """The answer to a request."""

        def attempt() -> Answer:
            with self._exchange(method, url, headers or {}, body, accepted) as exchange:
                content = b"".join(_body(exchange, method, max_bytes))
                return Answer(exchange.status, exchange.headers, content, exchange.url)

        return self.attempts(attempt)

    def save(
        self,
        url: str,
        path: str,
        *,
        max_bytes: int = FILE_BYTES,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Write a file, whole or not at all; returns the sha256 of what it has."""
        if url.startswith("file:"):
            return _copy(url, path, max_bytes)

        def attempt() -> str:
            with self._exchange("GET", url, headers or {}, None, (200,)) as exchange:
                return _write(_no_page(exchange, _body(exchange, "GET", max_bytes)), path)

        return self.attempts(attempt)

    def attempts(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns, who is asked again after a `TemporaryError`."""
        number = 1
        while isinstance(outcome := _outcome(attempt), TemporaryError):
            if number >= self.limits.attempts:
                raise outcome.cause
            self._sleep(self._wait(number, outcome))
            number += 1
        return outcome

    def _wait(self, number: int, error: TemporaryError) -> float:
        """How long to wait after an attempt of this number that failed."""
        # Not all of those that were refused together come back together.
        usual = 2.0 ** (number - 1) * random.uniform(0.5, 1.0)
        asked = error.wait or 0.0
        if asked > self.limits.longest_wait:
            cause = error.cause
            why = f"{cause.why}, and asks to wait {asked:.0f} seconds"
            raise HttpError(cause.url, why, cause.fix)
        return max(usual, asked)

    @contextmanager
    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        accepted: Sequence[int],
    ) -> Iterator[Exchange]:
        """One attempt, to where the redirects lead."""
        with _network_errors(url):
            exchange = self._follow(method, url, headers, body)
            with closing(exchange):
                if exchange.status not in accepted:
                    raise _status_error(method, exchange)
                yield exchange

    def _follow(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> Exchange:
        # What is before an `@` is for the authorizer, who knows the addresses, too.
        url = first = without_credentials(url)[0]
        is_downgraded = False
        for _ in range(self.limits.redirects + 1):
            exchange = self._authorized(method, url, headers, body, is_downgraded)
            location = exchange.headers.get("Location")
            keeps_method = method in ("GET", "HEAD") or exchange.status in (307, 308)
            if exchange.status not in _REDIRECTS or not location:
                return exchange
            if not keeps_method and exchange.status != 303:
                return exchange
            exchange.close()
            if not keeps_method:
                method, body = "GET", None
            before, url = url, without_credentials(urllib.parse.urljoin(url, location))[0]
            if origin(url).scheme not in ("http", "https"):
                raise HttpError(
                    before, f"it redirects to {shown(url)}, which is no web address", _FIX_NETWORK
                )
            is_downgraded |= (origin(before).scheme, origin(url).scheme) == ("https", "http")
        raise HttpError(
            first,
            f"it redirects more than {self.limits.redirects} times",
            "use the address that the server redirects to in a browser",
        )

    def _authorized(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, is_downgraded: bool
    ) -> Exchange:
        said = "" if is_downgraded else self._authorizer.header(url)
        exchange = self._send(method, url, headers, body, said)
        if exchange.status == 401 and not is_downgraded:
            challenge = ", ".join(exchange.headers.get_all("WWW-Authenticate") or ())
            try:
                said = self._authorizer.answer(url, challenge)
            except BaseException:
                exchange.close()
                raise
            if said:
                exchange.close()
                return self._send(method, url, headers, body, said)
        return exchange

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, said: str
    ) -> Exchange:
        if origin(url).scheme not in ("http", "https") or not origin(url).host:
            raise HttpError(url, "it is no web address", _FIX_NETWORK)
        if body is not None and not isinstance(body, bytes):
            body.seek(0)
        everything = {**headers, "Authorization": said} if said else headers
        return Exchange(self.settings, self.limits, method, url, everything, body)


def _outcome(attempt: Callable[[], T]) -> T | TemporaryError:
    try:
        return attempt()
    except TemporaryError as error:
        return error


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    """Tell what the network does from what a program does, and what may pass from what stays."""
    try:
        yield
    except (HttpError, SettingsError, TemporaryError):
        raise
    except ssl.SSLCertVerificationError as error:
        why = f"its certificate is not trusted: {error.verify_message}"
        raise HttpError(url, why, _FIX_CERTIFICATE) from None
    except (OSError, http.client.HTTPException) as error:
        # A full disk is not the network's.
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise TemporaryError(HttpError(url, _reason(error), _FIX_NETWORK)) from None
    except ValueError as error:
        raise HttpError(url, f"{error}", _FIX_NETWORK) from None


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name of its host was not found ({error.strerror})"
    if isinstance(error, socket.timeout) and not error.errno:
        return f"the connection took too long ({error})"
    return f"{type(error).__name__}: {error}"


def _status_error(method: str, exchange: Exchange) -> Exception:
    text = exchange.read(2000).decode(errors="replace")
    url, status = exchange.url, exchange.status
    why = f"the server answers {status} {exchange.reason} to {method}".replace("  ", " ")
    host = origin(url).host
    if status in (401, 403):
        fix = (
            f"give {host} a user and a password that may read it, in ~/.netrc or in the index's "
            "address (docs/mirrors.md)"
        )
    elif status == 407:
        fix = "put user and password into the proxy's address (HTTPS_PROXY)"
    elif status == 404:
        fix = "check the address, and [python-repos].indexes and path_mappings where it comes from"
    else:
        fix = f"try again later; if it stays, ask whoever runs {host}"
    error = StatusError(url, why, fix, status, text)
    if status in _TRY_AGAIN:
        return TemporaryError(error, _retry_after(exchange.headers.get("Retry-After", "")))
    return error


def _retry_after(value: str) -> float | None:
    """The seconds that a `Retry-After` asks for: a number or a date."""
    if value.strip().isdigit():
        return float(value)
    try:
        then = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=datetime.timezone.utc)
    return max(0.0, (then - datetime.datetime.now(datetime.timezone.utc)).total_seconds())


def _body(exchange: Exchange, method: str, max_bytes: int) -> Iterator[bytes]:
    """The body in pieces, no more than is allowed and no less than is announced."""
    announced = None if method == "HEAD" else exchange.announced_size
    if announced is not None and announced > max_bytes:
        raise TooLargeError(exchange.url, f"{announced}", max_bytes)
    if exchange.headers.get("Content-Encoding", "identity").lower() != "identity":
        encoding = exchange.headers["Content-Encoding"]
        raise HttpError(
            exchange.url,
            f"the server sends it compressed ({encoding}), which was not asked for",
            "use another mirror, or have its Content-Encoding corrected",
        )
    received = 0
    while piece := exchange.read():
        received += len(piece)
        if received > max_bytes:
            raise TooLargeError(exchange.url, f"over {max_bytes}", max_bytes)
        yield piece
    if announced is not None and received != announced:
        why = f"the connection ended after {received} of {announced} bytes"
        raise TemporaryError(HttpError(exchange.url, why, _FIX_NETWORK))


def _no_page(exchange: Exchange, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, if they are not those of a page for people."""
    first = next(pieces, b"")
    start = first[:512].lstrip().lower()
    is_html = exchange.headers.get_content_type() in ("text/html", "application/xhtml+xml")
    if start.startswith((b"<!doctype html", b"<html")) or (is_html and start.startswith(b"<")):
        raise web_page(exchange.url)
    yield first
    yield from pieces


def web_page(url: str) -> HttpError:
    """The error for a page where something else was asked for."""
    return HttpError(
        url,
        "the server answered with a web page instead",
        "open the address in a browser: a login page, a proxy or an error page is in the way",
    )


def _write(pieces: Iterator[bytes], path: str) -> str:
    partial = f"{path}.part"
    digest = hashlib.sha256()
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
    except BaseException:
        if os.path.exists(partial):
            os.remove(partial)
        raise
    os.replace(partial, path)
    return digest.hexdigest()


def _copy(url: str, path: str, max_bytes: int) -> str:
    source = urllib.request.url2pathname(urllib.parse.urlsplit(url).path)
    try:
        size = os.path.getsize(source)
        if size > max_bytes:
            raise TooLargeError(url, f"{size}", max_bytes)
        with open(source, "rb") as file:
            return _write(iter(lambda: file.read(1 << 20), b""), path)
    except OSError as error:
        raise HttpError(url, f"{error.strerror}", "check the path") from None
