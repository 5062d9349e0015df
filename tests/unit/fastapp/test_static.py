"""Static files: what is served, what never is, and how long it may be kept."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient
from unit.fastapp.support import SETTINGS, interpret, manage

from fastapp.static.files import IMMUTABLE, REVALIDATE, create_static_application

PAGE = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "dist"
    for name, text in {
        "index.html": "<app>",
        "docs/index.html": "<docs>",
        "assets/main-DkQ2b3_x.js": "1",
        "assets/main.1a2b3c4d.css": "1",
        "jquery-validation.js": "1",
        "plain.js": "0123456789",
        ".env": "SECRET",
        ".git/config": "SECRET",
        ".well-known/security.txt": "mail",
        "中 文.txt": "漢",
    }.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (tmp_path / "secret.txt").write_text("SECRET", encoding="utf-8")
    (tmp_path / "dist-other").mkdir()
    (tmp_path / "dist-other" / "secret.txt").write_text("SECRET", encoding="utf-8")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    return root


@pytest_asyncio.fixture
async def http(folder: Path) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(create_static_application(folder))
    async with AsyncClient(transport=transport, base_url="http://x") as client:
        yield client


@pytest.mark.asyncio
async def test_files_and_pages(http: AsyncClient) -> None:
    for path, text in (
        ("/", "<app>"),
        ("/docs/", "<docs>"),
        ("/plain.js", "0123456789"),
        ("/.well-known/security.txt", "mail"),
        ("/中 文.txt", "漢"),
        # Pages that the scripts of the front end know.
        ("/orders/5", "<app>"),
    ):
        answer = await http.get(path, headers=PAGE)
        assert (answer.status_code, answer.text) == (200, text), path
    assert (await http.get("/plain.js")).headers["content-type"].startswith("text/javascript")
    folder = await http.get("/docs", headers=PAGE)
    assert (folder.status_code, folder.headers["location"]) == (307, "./docs/")
    head = await http.head("/plain.js")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10", b"")


@pytest.mark.asyncio
async def test_what_is_no_page_is_not_found(http: AsyncClient) -> None:
    for path, headers in (
        ("/missing.js", PAGE),
        ("/assets/gone-1a2b3c4d.js", PAGE),
        ("/api/orders", {"Accept": "application/json"}),
    ):
        answer = await http.get(path, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
        assert "cache-control" not in answer.headers
    answer = await http.post("/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.asyncio
async def test_without_a_front_end_router(folder: Path) -> None:
    transport = ASGITransport(create_static_application(folder, spa=False))
    async with AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/orders/5", headers=PAGE)).status_code == 404
        assert (await client.get("/", headers=PAGE)).status_code == 200
        assert (await client.get("/healthz")).text == "ok"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/docs/..%2f..%2fsecret.txt",
        "/%2e%2e%2fdist-other%2fsecret.txt",
        "/..%5csecret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/link.txt",
        "/.env",
        "/.git/config",
        "/docs/%2e%2e/.env",
        "/plain.js%00.html",
        "/" + "x" * 5000 + ".txt",
    ],
)
@pytest.mark.asyncio
async def test_nothing_else_can_be_read(folder: Path, path: str) -> None:
    # As the bytes come from a socket; a client library would tidy the path up.
    application = create_static_application(folder)
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"accept", b"application/json")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("x", 80),
    }
    await application(scope, receive, send)
    assert sent[0]["status"] == 404, sent
    assert b"SECRET" not in b"".join(bytes(str(part.get("body")), "utf-8") for part in sent)


@pytest.mark.asyncio
async def test_caching(http: AsyncClient, folder: Path) -> None:
    for path, expected in (
        ("/assets/main-DkQ2b3_x.js", IMMUTABLE),
        ("/assets/main.1a2b3c4d.css", IMMUTABLE),
        ("/jquery-validation.js", REVALIDATE),
        ("/plain.js", REVALIDATE),
        ("/", REVALIDATE),
        ("/orders/5", REVALIDATE),
    ):
        assert (await http.get(path, headers=PAGE)).headers["cache-control"] == expected, path
    first = await http.get("/plain.js")
    same = await http.get("/plain.js", headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["cache-control"] == REVALIDATE
    (folder / "plain.js").write_text("changed!", encoding="utf-8")
    changed = await http.get("/plain.js", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.text) == (200, "changed!")
    part = await http.get("/plain.js", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.text) == (206, "han")


def test_serve_static_with_an_api(project: Path, folder: Path) -> None:
    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"api {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        code = """
import threading, time, urllib.request, os, signal
def ask():
    for _ in range(200):
        try:
            for path in ("/", "/shop/x?y=1", "/shopping", "/healthz"):
                request = urllib.request.Request("http://127.0.0.1:PORT" + path,
                    headers={"Accept": "text/html"})
                print(path, urllib.request.urlopen(request, timeout=60).read().decode())
            break
        except OSError:
            time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=ask, daemon=True).start()
"""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        module = project / "own_settings.py"
        module.write_text(SETTINGS + code.replace("PORT", str(port)), encoding="utf-8")
        upstream = f"shop=http://127.0.0.1:{service.server_address[1]}"
        options = ("--port", str(port), "--api", upstream)
        # This process has threads, and is not forked.
        done = interpret(project, "serve-static", str(folder), *options)
        service.shutdown()
    assert done.stdout.splitlines() == [
        "/ <app>",
        "/shop/x?y=1 api /shop/x?y=1",
        "/shopping <app>",
        "/healthz ok",
    ], done.stderr
    assert "Traceback" not in done.stderr
    wrong = manage(project, "serve-static", str(folder), "--api", "shop")
    assert wrong.returncode == 1
    for part in ("--api: 'shop' is not PREFIX=URL", "Fix: write it like 'shop=http://"):
        assert part in wrong.stderr
