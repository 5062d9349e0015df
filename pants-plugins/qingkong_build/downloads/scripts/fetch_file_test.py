from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import fetch_file
import pytest
from http_client import Client
from http_connection import Limits
from index_credentials import IndexCredentials
from network_settings import FOLDER, POINTER, Settings
from scripted_server import Connection, Received, Server, scripted_server

CONTENT = b"a file of an index"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
JSON = "application/vnd.pypi.simple.v1+json"
PAGES: dict[str, tuple[bytes, str]] = {
    "/simple/tiny-ext/": (b'<a href="../../files/tiny_ext-1.0.tar.gz#sha256=0">', "text/html"),
    "/json/tiny-ext/": (
        json.dumps({"files": [{"url": "/files/Tiny_Ext-1.0.tar.gz"}]}).encode(),
        JSON,
    ),
    "/files/tiny_ext-1.0.tar.gz": (CONTENT, "application/gzip"),
    "/files/Tiny_Ext-1.0.tar.gz": (CONTENT, "application/gzip"),
    "/files/tiny-1.0-py3-none-any.whl": (CONTENT, "application/zip"),
    "/other/tiny-ext/": (b'<a href="tiny_ext-2.0.tar.gz">', "text/html"),
    "/login/tiny-ext/": (b"<!doctype html><form>", "text/html"),
    "/broken/tiny-ext/": (b"[]", JSON),
    "/redirecting/tiny-ext/": (b"", "/simple/tiny-ext/"),
}


def serve(request: Received, connection: Connection) -> None:
    if request.target not in PAGES:
        return connection.answer(status="404 Not Found")
    body, kind = PAGES[request.target]
    if not body:
        return connection.answer(status="302 Found", Location=kind)
    return connection.answer(body, Content_Type=kind)


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server(serve) as running:
        yield running


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(out: Path, *arguments: str, settings: Settings | None = None, sha256: str = SHA256) -> int:
    settings = settings or Settings()
    client = Client(settings, IndexCredentials(settings), dataclasses.replace(Limits(), attempts=1))
    return fetch_file.main([*arguments, f"--sha256={sha256}", f"--out={out}"], client)


SDIST = ("--project=Tiny.Ext", "--version=1.0")


def test_a_file_of_a_mapping(server: Server, out: Path) -> None:
    settings = Settings(path_mappings=("OTHER|//x", f"FILES|//127.0.0.1:{server.port}/files"))
    assert run(out, "--url=http:${FILES}/tiny-1.0-py3-none-any.whl", settings=settings) == 0
    assert out.read_bytes() == CONTENT


def test_a_mapping_that_is_unknown(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(out, "--url=https:${FILES}/a.whl", settings=Settings(path_mappings=("A|b",))) == 1
    message = capsys.readouterr().err
    assert "[python-repos].path_mappings: it has no 'FILES', which https:${FILES}/a.whl" in message
    assert "Fix: add 'FILES|…'" in message


def test_a_file_of_this_machine(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").write_bytes(CONTENT)
    url = (tmp_path / "a file").as_uri()
    assert run(out, f"--url={url}") == 0
    assert out.read_bytes() == CONTENT
    out.unlink()
    assert run(out, f"--url={url}", sha256="0" * 64) == 1
    assert run(out, f"--url={url}-not") == 1
    assert "Fix: check the path" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("index", ["simple", "simple/", "json", "redirecting"])
def test_an_sdist(server: Server, out: Path, index: str) -> None:
    settings = Settings(indexes=(f"{server.url}/{index}",))
    assert run(out, *SDIST, f"--size={len(CONTENT)}", settings=settings) == 0
    assert out.read_bytes() == CONTENT


def test_the_first_index_that_has_it(server: Server, out: Path) -> None:
    names = ("none", "login", "broken", "other", "simple", "json")
    settings = Settings(indexes=tuple(f"{server.url}/{name}" for name in names))
    assert run(out, *SDIST, settings=settings) == 0
    assert [request.target for request in server.received] == [
        *(f"/{name}/tiny-ext/" for name in names[:5]),
        "/files/tiny_ext-1.0.tar.gz",
    ]


def test_no_index_has_it(server: Server, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = server.url.replace("://", "://me:secret@")
    names = ("none", "login", "broken", "other")
    settings = Settings(indexes=tuple(f"{address}/{name}" for name in names))
    assert run(out, *SDIST, settings=settings) == 1
    message = capsys.readouterr().err
    assert "project='Tiny.Ext' version='1.0': no index has its source distribution" in message
    for name, why in (
        ("none", "the server answers 404 Not Found to GET"),
        ("login", "the page lists no files at all"),
        ("broken", "it has no list of files"),
        ("other", "the page lists no Tiny.Ext-1.0.tar.gz"),
    ):
        assert f"{server.url}/{name}/tiny-ext/: {why}" in message
    assert "Fix: correct the fields, or the index in [python-repos].indexes" in message
    assert "secret" not in message
    assert run(out, *SDIST) == 1
    assert "there is no index. Fix:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((f"--size={len(CONTENT)}", "--sha256=" + "0" * 64), f"has sha256 {SHA256}"),
        (("--size=7",), f"has size {len(CONTENT)}"),
        (("--size=7000",), f"has size {len(CONTENT)}"),
    ],
)
def test_another_file_is_not_kept(
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    settings = Settings(indexes=(f"{server.url}/simple", f"{server.url}/json"))
    sha256 = next((a[9:] for a in arguments if a.startswith("--sha256=")), SHA256)
    assert run(out, *SDIST, *arguments, settings=settings, sha256=sha256) == 1
    field, _, value = arguments[-1][2:].partition("=")
    message = capsys.readouterr().err
    assert f"{field}={value}: the file at {server.url}/files/tiny_ext-1.0.tar.gz" in message
    assert expected in message
    assert "Fix: compare it with a copy that you trust" in message
    assert not list(out.parent.iterdir())
    # No other index is asked whether it has the one that is wanted: somebody should look.
    assert len(server.received) == 2


def test_settings_are_read_where_pants_left_them(
    server: Server, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = ["--url=http:${FILES}/tiny-1.0-py3-none-any.whl", f"--sha256={SHA256}", f"--out={out}"]
    # Pants has no process in which this is missing, except on another machine.
    assert fetch_file.main(argv) == 1
    raw = {
        "environment": {},
        "indexes": [],
        "path_mappings": [f"FILES|//127.0.0.1:{server.port}/files"],
        "ca_certs_path": "",
    }
    (tmp_path / "settings.json").write_text(json.dumps(raw))
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / POINTER).write_text(str(tmp_path / "settings.json"))
    assert fetch_file.main(argv) == 0
    assert out.read_bytes() == CONTENT


def test_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fetch_file.main(["--url=a", "--sha256=b", "--out=c"]) == 1
    assert "the network's settings in '.network' cannot be read" in capsys.readouterr().err
