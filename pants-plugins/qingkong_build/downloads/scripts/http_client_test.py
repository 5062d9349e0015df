"""What servers and networks do that they should not, and what comes of it."""

from __future__ import annotations

import base64
import datetime
import email.utils
import hashlib
import selectors
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from http_client import Client, HttpError, StatusError, TooLargeError
from http_connection import Limits
from index_credentials import IndexCredentials
from network_settings import Settings, SettingsError
from scripted_server import Connection, Received, Script, Server, certificate, scripted_server

CONTENT = b"PK\x03\x04 and the rest of a wheel"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
# What is refused is refused soon; what is accepted has all the time that a slow machine needs.
IMPATIENT = Limits(connect=5, answer=0.5, window=0.5, speed=1000, attempts=1)
PATIENT = Limits(connect=60, answer=60, window=60)

Start = Callable[[Script], Server]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(scripted_server(script))


@pytest.fixture
def waits() -> list[float]:
    """What the client of `client` waited between attempts."""
    return []


def client(
    settings: Settings | None = None,
    limits: Limits = PATIENT,
    waits: list[float] | None = None,
) -> Client:
    settings = settings or Settings()
    waits = [] if waits is None else waits
    return Client(settings, IndexCredentials(settings), limits, waits.append)


def good(_: Received, connection: Connection) -> None:
    connection.answer(CONTENT)


def test_a_file(start: Start, tmp_path: Path) -> None:
    server = start(good)
    assert client().save(f"{server.url}/a.whl?x=1#top", str(tmp_path / "a")) == SHA256
    assert (tmp_path / "a").read_bytes() == CONTENT
    (request,) = server.received
    assert (request.method, request.target) == ("GET", "/a.whl?x=1")
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert "authorization" not in request.headers


def hang_before_the_head(_: Received, connection: Connection) -> None:
    connection.hang()


def drip_the_head(_: Received, connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nX: ")
    connection.drip(b"x")


def hang_in_the_body(_: Received, connection: Connection) -> None:
    connection.answer(CONTENT, length=1000)
    connection.hang()


def drip_the_body(_: Received, connection: Connection) -> None:
    connection.answer(b"P", length=100_000)
    connection.drip(b"x")


def cut(_: Received, connection: Connection) -> None:
    connection.answer(CONTENT, length=len(CONTENT) + 1)


def cut_the_head(_: Received, connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nContent-")


def cut_a_chunk(_: Received, connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nPK")


def say_nothing(_: Received, connection: Connection) -> None:
    """Close the connection."""


def no_http(_: Received, connection: Connection) -> None:
    connection.send(b"220 welcome to the mail server\r\n")


def too_large(_: Received, connection: Connection) -> None:
    connection.answer(b"P", length=1_000_001)


def too_large_in_chunks(_: Received, connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.drip(b"40000\r\n" + b"x" * 0x40000 + b"\r\n")


def web_page(_: Received, connection: Connection) -> None:
    connection.answer(b"\n<!DOCTYPE html><title>Log in</title>", Content_Type="text/html")


def page_of_no_type(_: Received, connection: Connection) -> None:
    connection.answer(b"<HTML><title>Log in</title>")


def compressed(_: Received, connection: Connection) -> None:
    connection.answer(CONTENT, Content_Encoding="gzip")


def redirect_loop(_: Received, connection: Connection) -> None:
    connection.answer(status="302 Found", Location="/again")


def redirect_to_a_file(_: Received, connection: Connection) -> None:
    connection.answer(status="302 Found", Location="file:///etc/hostname")


def missing(_: Received, connection: Connection) -> None:
    connection.answer(b"no such file", status="404 Not Found")


def broken(_: Received, connection: Connection) -> None:
    connection.answer(status="500 Internal Server Error")


def wants_a_password(_: Received, connection: Connection) -> None:
    connection.answer(status="401 Unauthorized", WWW_Authenticate='Basic realm="files"')


MISBEHAVIOURS: list[tuple[Script, str, str]] = [
    (hang_before_the_head, "did not answer in 0.5 seconds", "check the network"),
    (drip_the_head, "did not answer in 0.5 seconds", "check the network"),
    (hang_in_the_body, "bytes in 0.5 seconds", "check the network"),
    (drip_the_body, "bytes in 0.5 seconds", "check the network"),
    (cut, f"ended after {len(CONTENT)} of {len(CONTENT) + 1} bytes", "check the network"),
    (cut_the_head, "ended before the answer", "check the network"),
    (cut_a_chunk, "IncompleteRead", "check the network"),
    (say_nothing, "ended before the answer", "check the network"),
    (no_http, "BadStatusLine", "check the network"),
    (too_large, "has 1000001 bytes where at most 1000000", "a copy that you trust"),
    (too_large_in_chunks, "has over 1000000 bytes", "a copy that you trust"),
    (web_page, "answered with a web page", "open the address in a browser"),
    (page_of_no_type, "answered with a web page", "open the address in a browser"),
    (compressed, "compressed (gzip)", "another mirror"),
    (redirect_loop, "redirects more than 10 times", "use the address"),
    (redirect_to_a_file, "redirects to file:///etc/hostname", "check the network"),
    (missing, "answers 404 Not Found to GET", "[python-repos].indexes"),
    (broken, "answers 500 Internal Server Error to GET", "try again later"),
    (wants_a_password, "answers 401 Unauthorized to GET", "~/.netrc"),
]


@pytest.mark.parametrize(
    ("script", "why", "fix"), MISBEHAVIOURS, ids=[script.__name__ for script, _, _ in MISBEHAVIOURS]
)
def test_misbehaviour(start: Start, tmp_path: Path, script: Script, why: str, fix: str) -> None:
    url = f"{start(script).url}/a.whl"
    with pytest.raises(HttpError) as error:
        client(limits=IMPATIENT).save(url, str(tmp_path / "a"), max_bytes=1_000_000)
    message = str(error.value)
    assert message.startswith(f"url={url.rpartition('/')[0]}/")
    assert why in message
    assert fix in message.partition(". Fix: ")[2]
    assert not list(tmp_path.iterdir())


def test_connections_that_are_refused(waits: list[float], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HttpError, match=r"ConnectionRefusedError.*Fix: check the network"):
        client(waits=waits).save(f"http://127.0.0.1:{port}/a", str(tmp_path / "a"))
    assert len(waits) == PATIENT.attempts - 1
    # Longer each time, and not the same for all who were refused together.
    for attempt, wait in enumerate(waits):
        assert 2**attempt / 2 <= wait <= 2**attempt


@pytest.mark.parametrize(
    "content", ["", "nothing", "ftp://127.0.0.1/a", "http:///a", "http://[a/b"]
)
def test_addresses_of_nothing(content: str, tmp_path: Path) -> None:
    with pytest.raises(HttpError):
        client().save(content, str(tmp_path / "a"))


def then_good(*before: Script) -> Script:
    """Each of these once, then what is asked for."""
    todo = list(before)

    def script(request: Received, connection: Connection) -> None:
        (todo.pop(0) if todo else good)(request, connection)

    return script


def busy(status: str, retry_after: str = "") -> Script:
    def script(_: Received, connection: Connection) -> None:
        connection.answer(status=status, Retry_After=retry_after)

    return script


@pytest.mark.parametrize(
    "first",
    [
        *map(busy, ["408 Request Timeout", "429 Too Many Requests", "500 Oh", "502 Bad Gateway"]),
        *map(busy, ["503 Service Unavailable", "504 Gateway Timeout"]),
        *(cut, cut_the_head, cut_a_chunk, say_nothing),
    ],
)
def test_what_passes_is_tried_again(
    start: Start, waits: list[float], tmp_path: Path, first: Script
) -> None:
    server = start(then_good(first, first))
    assert client(waits=waits).save(f"{server.url}/a", str(tmp_path / "a")) == SHA256
    assert (len(server.received), len(waits)) == (3, 2)


@pytest.mark.parametrize(
    "status", ["400 Bad", "403 Forbidden", "404 Not Found", "501 No", "410 Gone"]
)
def test_what_stays_is_not(start: Start, tmp_path: Path, status: str) -> None:
    server = start(then_good(busy(status)))
    with pytest.raises(StatusError, match=f"answers {status}"):
        client().save(f"{server.url}/a", str(tmp_path / "a"))
    assert len(server.received) == 1


def test_a_server_says_when_to_come_back(start: Start, waits: list[float], tmp_path: Path) -> None:
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=40)
    date = email.utils.format_datetime(then, usegmt=True)
    server = start(
        then_good(busy("429 Slow", "7"), busy("503 Later", date), busy("429 Slow", "soon"))
    )
    assert client(waits=waits).save(f"{server.url}/a", str(tmp_path / "a")) == SHA256
    assert waits[0] == 7
    assert 5 <= waits[1] <= 40
    assert waits[2] <= 4


def test_a_server_that_asks_for_too_much_time(
    start: Start, waits: list[float], tmp_path: Path
) -> None:
    server = start(busy("429 Too Many Requests", "86400"))
    with pytest.raises(HttpError, match="answers 429 .* asks to wait 86400 seconds"):
        client(waits=waits).save(f"{server.url}/a", str(tmp_path / "a"))
    assert (len(server.received), waits) == (1, [])


def test_size_is_known(start: Start, tmp_path: Path) -> None:
    server = start(good)
    path = str(tmp_path / "a")
    assert client().save(f"{server.url}/a", path, max_bytes=len(CONTENT)) == SHA256
    with pytest.raises(TooLargeError):
        client().save(f"{server.url}/a", path, max_bytes=len(CONTENT) - 1)


def test_a_slow_server_that_goes_on_is_waited_for(start: Start, tmp_path: Path) -> None:
    """It takes longer than a window, and than the whole head may."""

    def slow(_: Received, connection: Connection) -> None:
        connection.answer(b"PK", length=42)
        for _number in range(4):
            connection.socket.settimeout(0.2)
            with pytest.raises(socket.timeout):
                connection.socket.recv(1)
            connection.send(b"x" * 10)

    limits = Limits(connect=60, answer=0.5, window=0.5, speed=1, attempts=1)
    client(limits=limits).save(f"{start(slow).url}/a", str(tmp_path / "a"))
    assert (tmp_path / "a").stat().st_size == 42


# Credentials.


def to(url: str, status: str = "302 Found") -> Script:
    def script(_: Received, connection: Connection) -> None:
        connection.answer(status=status, Location=url)

    return script


def said(server: Server) -> list[str]:
    """What a server was told, in clear, "" for nothing."""
    words = [request.headers.get("authorization", "") for request in server.received]
    return [base64.b64decode(word.removeprefix("Basic ")).decode() for word in words]


def with_index(server: Server, credentials: str = "me:p%40ss") -> Settings:
    address = server.url.replace("://", f"://{credentials}@")
    return Settings({"HOME": "/nowhere"}, indexes=(f"{address}/simple",))


def test_credentials_of_an_index(start: Start, tmp_path: Path) -> None:
    server = start(good)
    client(with_index(server)).save(f"{server.url}/files/a", str(tmp_path / "a"))
    assert said(server) == ["me:p@ss"]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
def test_credentials_stay_with_their_origin(start: Start, tmp_path: Path, status: str) -> None:
    # The same host, but another port.
    storage = start(good)
    server = start(to(f"{storage.url}/stored?signature=secret", status))
    client(with_index(server)).save(f"{server.url}/a", str(tmp_path / "a"))
    assert (said(server), said(storage)) == (["me:p@ss"], [""])


def test_credentials_of_a_location_are_not_taken(start: Start, tmp_path: Path) -> None:
    storage = start(good)
    server = start(to(storage.url.replace("://", "://evil:x@") + "/a"))
    client(with_index(server)).save(f"{server.url}/a", str(tmp_path / "a"))
    assert said(storage) == [""]


def test_credentials_come_back_with_their_origin(start: Start, tmp_path: Path) -> None:
    server = start(lambda r, c: good(r, c) if r.target == "/b" else to("/b")(r, c))
    client(with_index(server)).save(f"{server.url}/a", str(tmp_path / "a"))
    assert said(server) == ["me:p@ss", "me:p@ss"]


def test_neither_passwords_nor_signatures_are_told(start: Start, tmp_path: Path) -> None:
    storage = start(missing)
    server = start(to(f"{storage.url}/stored?signature=secret"))
    settings = with_index(server, "me:secret")
    url = f"{settings.indexes[0]}/a"
    with pytest.raises(HttpError) as error:
        client(settings).save(url, str(tmp_path / "a"))
    assert f"url={storage.url}/stored?…: " in str(error.value)
    for text in (str(error.value), repr(error.value), repr(settings)):
        assert "secret" not in text


def test_after_a_downgrade_nothing_is_said(start: Start, tmp_path: Path) -> None:
    plain = start(good)
    context, path = certificate(tmp_path)
    with scripted_server(to(f"{plain.url}/a"), context) as server:
        # The password is for any port of the host.
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password x\n")
        settings = Settings({"NETRC": str(tmp_path / "netrc"), "SSL_CERT_FILE": str(path)})
        client(settings).save(f"{server.url}/a", str(tmp_path / "a"))
        assert (said(server), said(plain)) == (["me:x"], [""])


# Certificates and proxies.


def test_an_unknown_certificate(tmp_path: Path) -> None:
    context, path = certificate(tmp_path)
    target = str(tmp_path / "a")
    with scripted_server(good, context) as server:
        waits: list[float] = []
        with pytest.raises(HttpError) as error:
            client(waits=waits).save(f"{server.url}/a", target)
        assert f"url={server.url}/a: its certificate is not trusted: self" in str(error.value)
        assert "[GLOBAL].ca_certs_path, PIP_CERT or SSL_CERT_FILE" in str(error.value)
        assert not waits
        for settings in (
            *(Settings({name: str(path)}) for name in ("PIP_CERT", "SSL_CERT_FILE")),
            *(Settings({name: str(path)}) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")),
            Settings(ca_certs_path=str(path)),
            Settings({"PIP_TRUSTED_HOST": f"example.org 127.0.0.1:{server.port}"}),
        ):
            assert client(settings).save(f"{server.url}/a", target) == SHA256


def test_certificates_that_are_missing(start: Start, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"certificates='/none.pem': .*Fix: correct"):
        client(Settings(ca_certs_path="/none.pem")).save("https://127.0.0.1/a", str(tmp_path / "a"))


def test_a_proxy(start: Start, tmp_path: Path) -> None:
    proxy = start(good)
    address = proxy.url.replace("://", "://me:secret@")
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "PIP_PROXY"):
        settings = Settings({name: address, "no_proxy": "example.com"})
        client(settings).save("http://files.example/a?b=c", str(tmp_path / "a"))
    assert [request.target for request in proxy.received] == ["http://files.example/a?b=c"] * 4
    assert {request.headers["proxy-authorization"] for request in proxy.received} == {
        f"Basic {base64.b64encode(b'me:secret').decode()}"
    }


def test_a_proxy_for_tls(start: Start, tmp_path: Path) -> None:
    context, path = certificate(tmp_path)
    with scripted_server(good, context) as server:

        def tunnel(request: Received, connection: Connection) -> None:
            connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", server.port)) as far:
                connect(connection.socket, far)

        proxy = start(tunnel)
        settings = Settings({"https_proxy": proxy.url, "SSL_CERT_FILE": str(path)})
        with pytest.raises(HttpError, match="certificate is not trusted: .*files.example"):
            client(settings).save("https://files.example/a", str(tmp_path / "a"))
        (request,) = proxy.received
        assert (request.method, request.target) == ("CONNECT", "files.example:443")


def connect(near: socket.socket, far: socket.socket) -> None:
    """Hand on what either side sends, until one has gone."""
    with selectors.DefaultSelector() as selector:
        selector.register(near, selectors.EVENT_READ, far)
        selector.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _ in selector.select():
                content = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                if not content:
                    return
                key.data.sendall(content)


def test_a_proxy_that_refuses(start: Start, tmp_path: Path) -> None:
    proxy = start(busy("407 Proxy Authentication Required"))
    settings = Settings({"https_proxy": proxy.url})
    with pytest.raises(HttpError, match="the proxy answers 407"):
        client(settings).save("https://files.example/a", str(tmp_path / "a"))


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_used"),
    [
        ("", "http://files.example/", True),
        ("files.example", "http://files.example/", False),
        ("example", "http://files.example/", False),
        (".example", "http://files.example/", False),
        ("les.example", "http://files.example/", True),
        ("a.org, files.example:80", "http://files.example/", False),
        ("files.example:81", "http://files.example/", True),
        ("*", "http://files.example/", False),
        ("10.0.0.0/8", "http://10.1.2.3/", False),
        ("10.0.0.0/8", "http://11.1.2.3/", True),
        ("", "http://127.0.0.1/", False),
        ("", "http://localhost:8080/", False),
        ("", "http://[::1]/", False),
    ],
)
def test_which_addresses_a_proxy_is_for(no_proxy: str, url: str, is_used: bool) -> None:
    settings = Settings({"http_proxy": "proxy.example:3128", "NO_PROXY": no_proxy})
    assert settings.proxy(url) == ("http://proxy.example:3128" if is_used else "")


def test_a_proxy_of_another_kind() -> None:
    settings = Settings({"ALL_PROXY": "socks5://me:secret@proxy.example:1080"})
    with pytest.raises(SettingsError, match=r"proxy=socks5://proxy.example:1080: .*Fix: name one"):
        settings.proxy("https://files.example/")


def test_the_time_that_pip_is_given() -> None:
    limits = Limits.of(Settings({"PIP_DEFAULT_TIMEOUT": "100", "PIP_RETRIES": "9"}))
    assert (limits.window, limits.answer, limits.attempts) == (100, 100, 10)
    assert Limits.of(Settings({"PIP_TIMEOUT": "1"})) == Limits()
    with pytest.raises(SettingsError, match="PIP_RETRIES='many': it is not a number"):
        Limits.of(Settings({"PIP_RETRIES": "many"}))


def test_other_methods(start: Start) -> None:
    """307 and 308 keep method and body, 303 does not, and 301 and 302 are not followed."""
    server = start(lambda _r, c: c.answer(b"{}"))
    for status, expected in (("307 T", "PUT"), ("308 P", "PUT"), ("303 S", "GET")):
        moved = start(to(f"{server.url}/there", status))
        client().call("PUT", f"{moved.url}/here", body=b"body", accepted=(200,))
        request = server.received[-1]
        assert (request.method, request.body) == (expected, b"body" if expected == "PUT" else b"")
    moved = start(to(f"{server.url}/there", "302 Found"))
    with pytest.raises(StatusError, match="answers 302 Found to PUT"):
        client().call("PUT", f"{moved.url}/here", body=b"body")
    head = start(lambda _r, c: c.answer(length=1_000_000_000))
    assert client().call("HEAD", f"{head.url}/a", max_bytes=10).content == b""
