"""This machine's own package index behind HTTPS with a private authority, and a password.

Requests are passed on to the index that pip's settings name; links to its files lead back here.
"""

from __future__ import annotations

import base64
import html
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import urljoin

from pip_settings import PipSettings, bundled_pip, read_pip_settings

HOST = "localhost"
# The layout that lockfiles expect: below a prefix, by hash.
_FILE = re.compile(
    r"(?P<prefix>.*)(?P<path>/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/#?]+)(?P<rest>.*)"
)
_LINK = re.compile(r"""(href=)(["'])(.*?)\2""")
_SECONDS = 60


@dataclass
class Upstream:
    """The index that pip of this machine uses. `files` is where it keeps its files."""

    index: str
    opener: urllib.request.OpenerDirector
    headers: dict[str, str]
    files: str = ""

    @classmethod
    def of_pip(cls) -> Upstream:
        with tempfile.TemporaryDirectory() as name:
            pip = bundled_pip(Path(name))
            settings = read_pip_settings(pip)
            index = settings.index or _default_index(pip)
        context = ssl.create_default_context(cafile=settings.cert)
        if settings.client_cert:
            context.load_cert_chain(settings.client_cert)
        handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
        if settings.proxy:
            proxies = {"http": settings.proxy, "https": settings.proxy}
            handlers.append(urllib.request.ProxyHandler(proxies))
        opener = urllib.request.build_opener(*handlers)
        return cls(index.rstrip("/"), opener, _authorization(settings))

    def open(self, url: str, accept: str) -> HTTPResponse:
        request = urllib.request.Request(url, headers={"Accept": accept, **self.headers})
        return cast(HTTPResponse, self.opener.open(request, timeout=_SECONDS))

    def page(self, project: str) -> bytes:
        """The page of a project, with links that lead to the index that passes this on."""
        with self.open(f"{self.index}/{project}/", "text/html") as answer:
            url, text = answer.url, answer.read().decode()

        def link(match: re.Match[str]) -> str:
            found = _FILE.fullmatch(urljoin(url, html.unescape(match[3])))
            if found is None:
                return match[0]
            self.files = found["prefix"]
            target = html.escape(f"/files{found['path']}{found['rest']}")
            return f"{match[1]}{match[2]}{target}{match[2]}"

        return _LINK.sub(link, text).encode()


def _default_index(pip: Path) -> str:
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(pip)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def _authorization(settings: PipSettings) -> dict[str, str]:
    if settings.credential is None:
        return {}
    return {"Authorization": _basic(settings.credential.login, settings.credential.password)}


def _basic(login: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


@dataclass
class PasswordIndex:
    """A server of it. `refused` are requests that showed no password."""

    upstream: Upstream
    authorization: str
    authority: Path
    url: str = ""
    files: list[str] = field(default_factory=list)
    refused: int = 0
    failures: list[str] = field(default_factory=list)


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority, and the key and certificate of the server that it vouches for."""
    authority, authority_key = folder / "authority.pem", folder / "authority.key"
    key, request, certificate = (folder / f"server.{end}" for end in ("key", "csr", "pem"))
    extensions = folder / "extensions"
    extensions.write_text(f"subjectAltName=DNS:{HOST}\n")

    def openssl(words: str, **files: Path) -> None:
        new = " -newkey rsa:2048 -nodes" if words.startswith("req ") else ""
        command = ["openssl", *f"{words} -sha256{new}".split()]
        command += [word for name, file in files.items() for word in (f"-{name}", str(file))]
        subprocess.run(command, check=True, capture_output=True)

    openssl("req -x509 -days 2 -subj /CN=authority", keyout=authority_key, out=authority)
    openssl(f"req -subj /CN={HOST}", keyout=key, out=request)
    vouch = {"in": request, "CA": authority, "CAkey": authority_key, "extfile": extensions}
    openssl("x509 -req -days 2 -CAcreateserial", **vouch, out=certificate)
    return authority, key, certificate


@contextmanager
def password_index(folder: Path, login: str, password: str) -> Iterator[PasswordIndex]:
    authority, key, certificate = certificates(folder)
    index = PasswordIndex(Upstream.of_pip(), _basic(login, password), authority)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Its answers are written in two parts.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.headers.get("Authorization") != index.authorization:
                index.refused += 1
                self._head(401, {"WWW-Authenticate": 'Basic realm="index"', "Content-Length": "0"})
                return
            try:
                self._pass_on()
            except urllib.error.HTTPError as error:
                self._head(error.code, {"Content-Length": "0"})
            except OSError as error:
                index.failures.append(f"{self.path}: {error}")
                self.close_connection = True

        def _pass_on(self) -> None:
            project = re.fullmatch(r"/simple/([A-Za-z0-9._-]+)/?", self.path)
            if project:
                page = index.upstream.page(project[1])
                self._head(200, {"Content-Type": "text/html", "Content-Length": str(len(page))})
                self.wfile.write(page)
            elif self.path.startswith("/files/") and index.upstream.files:
                url = index.upstream.files + self.path.removeprefix("/files")
                with index.upstream.open(url, "*/*") as answer:
                    names = ("Content-Type", "Content-Length")
                    self._head(200, {name: answer.headers[name] for name in names})
                    shutil.copyfileobj(answer, self.wfile, 1 << 20)
                index.files.append(self.path.rpartition("/")[2])
            else:
                self._head(404, {"Content-Length": "0"})

        def _head(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    # A client that never speaks must keep only its own thread waiting.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    index.url = f"https://{HOST}:{server.server_address[1]}/simple"
    # Which tells where files are.
    index.upstream.page("pip")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
