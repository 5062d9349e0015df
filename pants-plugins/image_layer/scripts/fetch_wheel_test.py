from __future__ import annotations

import base64
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import download
import fetch_wheel
import pytest

CONTENT = b"a wheel"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "tiny-1.0-py3-none-any.whl"


class Index(http.server.ThreadingHTTPServer):
    """Gives one file, after as many failures as asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures = 0
        self.authorization: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        self.server.authorization.append(self.headers.get("Authorization", ""))
        status = 200 if self.path == f"/files/{NAME}" else 404
        if self.server.failures:
            self.server.failures -= 1
            status = 503
        self.send_response(status)
        body = CONTENT if status == 200 else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests say what matters."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """A server on loopback."""
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Index() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def fetch(url: str, sha256: str = SHA256) -> bytes:
    return fetch_wheel.fetch(url, lockfile="3rdparty/prod.lock", sha256=sha256)


def test_download(index: Index) -> None:
    assert fetch(f"http://{index.address}/files/{NAME}") == CONTENT
    assert index.authorization == [""]


def test_from_a_file(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    assert fetch((tmp_path / NAME).as_uri()) == CONTENT


def test_credentials(index: Index) -> None:
    assert fetch(f"http://me:p%40ss@{index.address}/files/{NAME}") == CONTENT
    assert index.authorization == [f"Basic {base64.b64encode(b'me:p@ss').decode()}"]


def test_other_bytes(index: Index) -> None:
    with pytest.raises(download.FetchError) as error:
        fetch(f"http://me:secret@{index.address}/files/{NAME}", sha256="0" * 64)
    message = str(error.value)
    assert f"{NAME} from http://{index.address}/files/{NAME} has sha256 {SHA256}" in message
    assert f"but 3rdparty/prod.lock has {'0' * 64}" in message
    assert "a copy that you trust" in message
    assert "secret" not in message


def test_a_server_that_fails_is_asked_again(index: Index) -> None:
    index.failures = 2
    assert fetch(f"http://{index.address}/files/{NAME}") == CONTENT
    assert len(index.authorization) == 3


def test_a_server_that_keeps_failing(index: Index) -> None:
    index.failures = 100
    with pytest.raises(download.FetchError, match="503"):
        fetch(f"http://{index.address}/files/{NAME}")
    assert len(index.authorization) == 3


def test_what_is_not_there_is_asked_for_once(index: Index) -> None:
    with pytest.raises(download.FetchError) as error:
        fetch(f"http://{index.address}/other/{NAME}")
    message = str(error.value)
    assert f"{NAME} of 3rdparty/prod.lock could not be downloaded" in message
    assert "404" in message
    assert "[python-repos].path_mappings" in message
    assert len(index.authorization) == 1


def test_an_address_of_nothing() -> None:
    with pytest.raises(download.FetchError, match="unknown url type"):
        fetch(f"nothing://127.0.0.1/{NAME}")


def test_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    arguments = [
        f"--url={(tmp_path / NAME).as_uri()}",
        "--lockfile=prod.lock",
        f"--out={tmp_path / 'out.whl'}",
    ]
    assert fetch_wheel.main([*arguments, f"--sha256={'1' * 64}"]) == 1
    assert capsys.readouterr().err.startswith("image_layer: tiny-1.0")
    assert not (tmp_path / "out.whl").exists()

    assert fetch_wheel.main([*arguments, f"--sha256={SHA256}"]) == 0
    assert (tmp_path / "out.whl").read_bytes() == CONTENT
