"""What registries and their storage do, by a server that does as it is told."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from http_connection import Limits
from network_settings import Settings
from registry import Registry, RegistryError, parse_reference
from scripted_server import Connection, Received, Script, Server, scripted_server

BLOB = b"a layer"
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
PATIENT = Limits(connect=60, answer=60, window=60)

Start = Callable[[Script], Server]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(scripted_server(script))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def registry(server: Server, home: Path, limits: Limits = PATIENT) -> Registry:
    reference = parse_reference(f"127.0.0.1:{server.port}/team/app:1")
    return Registry(reference, (), Settings({"HOME": str(home), "PATH": str(home)}), limits)


def log_in(home: Path, server: Server, entry: dict[str, str] | None = None) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    entry = entry or {"auth": base64.b64encode(b"me:secret").decode()}
    config = {"auths": {f"127.0.0.1:{server.port}": entry}}
    (home / ".docker/config.json").write_text(json.dumps(config))


def said(server: Server) -> list[tuple[str, str]]:
    return [(r.method, r.headers.get("authorization", "")) for r in server.received]


BASIC = f"Basic {base64.b64encode(b'me:secret').decode()}"


def wants_basic(then: Script) -> Script:
    def script(request: Received, connection: Connection) -> None:
        if request.headers.get("authorization") == BASIC:
            return then(request, connection)
        return connection.answer(
            status="401 Unauthorized", WWW_Authenticate='Basic realm="registry"'
        )

    return script


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_storage_elsewhere(start: Start, tmp_path: Path, status: str) -> None:
    """HEAD and GET are sent on, and the login is not."""
    storage = start(lambda r, c: c.answer(b"" if r.method == "HEAD" else BLOB))
    server = start(
        wants_basic(lambda _r, c: c.answer(status=status, Location=f"{storage.url}/blob?sig=x"))
    )
    log_in(tmp_path, server)
    client = registry(server, tmp_path)
    assert client.has("blobs", DIGEST)
    client.download(DIGEST, str(tmp_path / "blob"), len(BLOB))
    assert (tmp_path / "blob").read_bytes() == BLOB
    assert said(storage) == [("HEAD", ""), ("GET", "")]
    assert said(server) == [("HEAD", ""), ("HEAD", BASIC), ("GET", BASIC)]


@pytest.mark.parametrize("status", ["307 T", "308 P"])
def test_manifests_are_sent_on_with_their_content(
    start: Start, tmp_path: Path, status: str
) -> None:
    target = start(lambda _r, c: c.answer(status="201 Created"))
    server = start(lambda r, c: c.answer(status=status, Location=f"{target.url}{r.target}?moved"))
    registry(server, tmp_path).put_manifest("1", b"{}", "application/x")
    (request,) = target.received
    assert (request.method, request.body) == ("PUT", b"{}")
    assert request.headers["content-type"] == "application/x"


def uploads(location: str, put: Script) -> Script:
    def script(request: Received, connection: Connection) -> None:
        if request.method == "POST":
            return connection.answer(status="202 Accepted", Location=location)
        return put(request, connection)

    return script


def created(_: Received, connection: Connection) -> None:
    connection.answer(status="201 Created")


@pytest.fixture
def blob(tmp_path: Path) -> str:
    (tmp_path / "layer").write_bytes(BLOB)
    return str(tmp_path / "layer")


def test_an_upload_to_another_host_is_not_told_the_login(
    start: Start, tmp_path: Path, blob: str
) -> None:
    storage = start(created)
    server = start(wants_basic(uploads(f"{storage.url}/up?state=s", created)))
    log_in(tmp_path, server)
    registry(server, tmp_path).upload(DIGEST, blob)
    (request,) = storage.received
    assert "authorization" not in request.headers
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.target).query)
    assert query == {"state": ["s"], "digest": [DIGEST]}
    assert request.body == BLOB


@pytest.mark.parametrize(
    "first",
    [
        lambda _r, _c: None,
        lambda _r, c: c.answer(status="500 Internal Server Error"),
        lambda _r, c: c.answer(status="416 Range Not Satisfiable"),
        lambda _r, c: c.answer(status="429 Too Many Requests"),
        lambda _r, c: c.answer(status="404 Not Found"),
    ],
    ids=["dropped", "500", "416", "429", "404"],
)
def test_an_upload_that_breaks_is_begun_again(
    start: Start, tmp_path: Path, blob: str, first: Script
) -> None:
    scripts = iter([first, created])

    def put(request: Received, connection: Connection) -> None:
        next(scripts)(request, connection)

    server = start(uploads("/up", put))
    registry(server, tmp_path).upload(DIGEST, blob)
    assert [request.method for request in server.received] == ["POST", "PUT", "POST", "PUT"]
    assert [request.body for request in server.received] == [b"", BLOB, b"", BLOB]


@pytest.mark.parametrize(
    "status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "405 Method Not Allowed"]
)
def test_a_blob_that_is_not_mounted_is_sent(
    start: Start, tmp_path: Path, blob: str, status: str
) -> None:
    plain = uploads("/up", created)

    def script(request: Received, connection: Connection) -> None:
        if "mount=" in request.target:
            return connection.answer(status=status)
        return plain(request, connection)

    server = start(script)
    assert registry(server, tmp_path).upload(DIGEST, blob, "team/other") is False
    assert [(x.method, "mount=" in x.target) for x in server.received] == [
        *(("POST", True), ("POST", False), ("PUT", False))
    ]
    assert server.received[-1].body == BLOB


def test_a_token_server_that_gives_none_for_a_mount(
    start: Start, tmp_path: Path, blob: str
) -> None:
    tokens = start(lambda _r, c: c.answer(status="403 Forbidden"))
    plain = uploads("/up", created)

    def script(request: Received, connection: Connection) -> None:
        if "mount=" in request.target:
            challenge = f'Bearer realm="{tokens.url}/t",scope="repository:team/other:pull"'
            return connection.answer(status="401 Unauthorized", WWW_Authenticate=challenge)
        return plain(request, connection)

    server = start(script)
    assert registry(server, tmp_path).upload(DIGEST, blob, "team/other") is False
    assert len(tokens.received) == 1
    assert server.received[-1].body == BLOB


def test_a_mount_that_fails_otherwise(start: Start, tmp_path: Path, blob: str) -> None:
    server = start(lambda _r, c: c.answer(status="400 Bad Request"))
    with pytest.raises(RegistryError, match=r"answers 400 to POST of team/app/blobs/uploads/\?mo"):
        registry(server, tmp_path).upload(DIGEST, blob, "team/other")
    assert len(server.received) == 1


def test_an_upload_that_is_refused(start: Start, tmp_path: Path, blob: str) -> None:
    body = json.dumps({"errors": [{"code": "SIZE_INVALID", "message": "too much"}]}).encode()
    server = start(
        uploads("/v2/up/secret-state", lambda _r, c: c.answer(body, status="400 Bad Request"))
    )
    with pytest.raises(RegistryError) as error:
        registry(server, tmp_path).upload(DIGEST, blob)
    message = str(error.value)
    assert f"answers 400 to PUT of team/app/blobs/{DIGEST}: SIZE_INVALID: too much. Fix" in message
    assert "secret-state" not in message
    assert len(server.received) == 2


def test_a_busy_registry_is_asked_again(start: Start, tmp_path: Path) -> None:
    todo: list[Script] = [
        lambda _r, c: c.answer(status="429 Slow", Retry_After="1"),
        lambda _r, c: c.answer(status="503 Later"),
        lambda _r, _c: None,
    ]
    server = start(lambda r, c: todo.pop()(r, c) if todo else c.answer(b"{}"))
    assert registry(server, tmp_path).manifest("1")[0] == b"{}"
    assert len(server.received) == 4


def test_a_login_page(start: Start, tmp_path: Path) -> None:
    server = start(lambda _r, c: c.answer(b"<html>", Content_Type="text/html; charset=utf-8"))
    with pytest.raises(RegistryError, match="GET of team/app/manifests/1: .* web page"):
        registry(server, tmp_path).manifest("1")


def test_more_than_the_manifest_says(start: Start, tmp_path: Path) -> None:
    server = start(lambda _r, c: c.answer(BLOB + b"and more"))
    with pytest.raises(RegistryError, match=rf"{DIGEST}: it has 15 bytes where at most 7 are"):
        registry(server, tmp_path).download(DIGEST, str(tmp_path / "blob"), len(BLOB))
    assert not list(tmp_path.glob("blob*"))


class Tokens:
    """A registry and its token server, which count what they are asked."""

    def __init__(self, start: Start, scope: str = "repository:a:pull") -> None:
        self.scope = scope
        self.valid: set[str] = set()
        self.server = start(self.registry)
        self.tokens = start(self.token)

    def registry(self, request: Received, connection: Connection) -> None:
        if request.headers.get("authorization") in self.valid:
            return connection.answer(b"{}")
        challenge = f'Bearer realm="{self.tokens.url}/t?x=y",service="s",scope="{self.scope}"'
        return connection.answer(status="401 Unauthorized", WWW_Authenticate=challenge)

    def token(self, _: Received, connection: Connection) -> None:
        number = len(self.tokens.received)
        self.valid = {f"Bearer token{number}"}
        name = "token" if number % 2 else "access_token"
        connection.answer(json.dumps({name: f"token{number}"}).encode())


def test_tokens(start: Start, tmp_path: Path) -> None:
    both = Tokens(start)
    client = registry(both.server, tmp_path)
    client.manifest("1")
    client.manifest("1")
    (request,) = both.tokens.received
    assert request.target == "/t?x=y&service=s&scope=repository%3Aa%3Apull"
    assert "authorization" not in request.headers
    # It runs out: another one is fetched, with the login that there is now.
    both.valid = set()
    log_in(tmp_path, both.server)
    client.manifest("1")
    assert both.tokens.received[1].headers["authorization"] == BASIC


def test_an_identity_token(start: Start, tmp_path: Path) -> None:
    both = Tokens(start)
    log_in(tmp_path, both.server, {"identitytoken": "secret"})
    registry(both.server, tmp_path).manifest("1")
    (request,) = both.tokens.received
    assert (request.method, request.target) == ("POST", "/t?x=y")
    assert urllib.parse.parse_qs(request.body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["qingkong-build"],
        "refresh_token": ["secret"],
        "service": ["s"],
        "scope": ["repository:a:pull"],
    }


@pytest.mark.parametrize("entry", [None, {"identitytoken": "secret"}])
def test_several_scopes(start: Start, tmp_path: Path, entry: dict[str, str] | None) -> None:
    """As the token protocols have it: each a parameter of a GET, all in one of a POST."""
    scopes = ["repository:a:pull,push", "repository:b:pull"]
    both = Tokens(start, " ".join(scopes))
    log_in(tmp_path, both.server, entry)
    registry(both.server, tmp_path).manifest("1")
    (request,) = both.tokens.received
    query = request.body.decode() if entry else urllib.parse.urlsplit(request.target).query
    assert urllib.parse.parse_qs(query)["scope"] == ([" ".join(scopes)] if entry else scopes)


@pytest.mark.parametrize("entry", [None, {"identitytoken": "secret"}])
def test_a_token_server_that_sends_on(
    start: Start, tmp_path: Path, entry: dict[str, str] | None
) -> None:
    other = start(lambda _r, c: c.answer(b'{"token": "t"}'))
    realm = start(lambda _r, c: c.answer(status="307 T", Location=f"{other.url}/t"))
    challenge = f'Bearer realm="{realm.url}/t"'
    server = start(lambda _r, c: c.answer(status="401 Unauthorized", WWW_Authenticate=challenge))
    log_in(tmp_path, server, entry)
    with pytest.raises(RegistryError, match="redirects more than 0 times"):
        registry(server, tmp_path).manifest("1")
    assert not other.received


def test_refused(start: Start, tmp_path: Path) -> None:
    """A password is tried once, and the error has neither it nor its encoding."""
    server = start(
        lambda _r, c: c.answer(status="401 Unauthorized", WWW_Authenticate='Basic realm="r"')
    )
    host = f"127.0.0.1:{server.port}"
    with pytest.raises(RegistryError, match=f"{host} wants a login for GET.*docker login {host}"):
        registry(server, tmp_path).manifest("1")
    log_in(tmp_path, server)
    with pytest.raises(RegistryError) as error:
        registry(server, tmp_path).manifest("1")
    assert "answers 401 to GET of team/app/manifests/1: it gives no reason" in str(error.value)
    assert BASIC[6:] not in str(error.value)
    assert [word for _, word in said(server)] == ["", "", BASIC]
