from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import download
import pytest


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends on from `/moved`; tells what it was asked with."""

    def do_GET(self) -> None:
        told = f"{self.headers['Accept']} {self.headers.get('Authorization', '-')}".encode()
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/found")
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests say what matters."""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on loopback."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_read(host: str) -> None:
    assert download.read(f"http://{host}/file") == (b"*/* -", "text/plain", f"http://{host}/file")
    answer = download.read(f"http://{host}/file", accept="text/html")
    assert answer.content == b"text/html -"


def test_credentials_are_not_sent_on(host: str) -> None:
    assert download.read(f"http://me:x@{host}/file").content == b"*/* Basic bWU6eA=="
    moved = download.read(f"http://me:x@{host}/moved")
    assert moved == (b"*/* -", "text/plain", f"http://{host}/found")


def test_a_network_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(OSError, match="No such file"):
        download.read("file:///is/not/there")
    assert pauses == [1.0, 2.0]


def test_save(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> bytes:
        raise download.FetchError("what, where, the mend")

    path = tmp_path / "file"
    assert download.save("little", str(path), fail) == 1
    assert capsys.readouterr().err == "little: what, where, the mend\n"
    assert not list(tmp_path.iterdir())
    assert download.save("little", str(path), lambda: b"content") == 0
    assert path.read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]
