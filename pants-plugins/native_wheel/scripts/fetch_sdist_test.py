from __future__ import annotations

import hashlib
import json
from pathlib import Path

import download
import fetch_sdist
import pytest

BODY = b"a source distribution"
SHA256 = hashlib.sha256(BODY).hexdigest()
PAGE = "https://index.example/simple/tiny-ext/"
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.mark.parametrize("project", ["Tiny_Ext", "tiny.ext", "tiny-ext", "TINY--_.ext"])
def test_normalise(project: str) -> None:
    assert fetch_sdist.normalise(project) == "tiny-ext"


def test_links_of_a_json_page() -> None:
    body = json.dumps({"files": [{"url": "a.tar.gz"}, {"url": "https://x.example/b.whl"}]})
    expected = ["a.tar.gz", "https://x.example/b.whl"]
    assert fetch_sdist.links_of_page(body.encode(), JSON) == expected
    assert fetch_sdist.links_of_page(body.encode(), f"{JSON}; charset=utf-8") == expected


def test_links_of_an_html_page() -> None:
    body = b'<a href="../a.tar.gz#sha256=0">a</a><p href="no"><a>none</a><a href="b&amp;c">b</a>'
    assert fetch_sdist.links_of_page(body, "text/html") == ["../a.tar.gz#sha256=0", "b&c"]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("tiny_ext-1.0.tar.gz", f"{PAGE}tiny_ext-1.0.tar.gz"),
        ("Tiny-Ext-1.0.tar.gz", f"{PAGE}Tiny-Ext-1.0.tar.gz"),
        ("../../f/tiny_ext-1.0.tar.gz#sha256=0", "https://index.example/f/tiny_ext-1.0.tar.gz"),
        ("https://files.example/tiny_ext-1.0.tar.gz", "https://files.example/tiny_ext-1.0.tar.gz"),
        ("tiny%5Fext-1.0.tar.gz", f"{PAGE}tiny%5Fext-1.0.tar.gz"),
    ],
)
def test_find_link(link: str, expected: str) -> None:
    links = ["tiny_ext-1.0.zip", "tiny_ext-1.0-cp312-cp312-linux_x86_64.whl", link]
    assert fetch_sdist.find_link(PAGE, links, "Tiny-Ext", "1.0") == expected


@pytest.mark.parametrize(
    "link",
    ["tiny_ext-1.0.1.tar.gz", "tiny_ext-11.0.tar.gz", "other-1.0.tar.gz", "tiny_ext-1.0.zip"],
)
def test_find_no_other_link(link: str) -> None:
    assert fetch_sdist.find_link(PAGE, [link], "Tiny-Ext", "1.0") is None


def check(body: bytes = BODY, *, sha256: str = SHA256, size: int | None = len(BODY)) -> None:
    fetch_sdist.check(
        body, target="3rdparty/tiny:wheel", filename="tiny.tar.gz", sha256=sha256, size=size
    )


def test_the_right_file() -> None:
    check()
    check(size=None)


def test_wrong_size() -> None:
    with pytest.raises(download.FetchError) as error:
        check(size=7)
    message = str(error.value)
    assert f"tiny.tar.gz has {len(BODY)} bytes" in message
    assert "'size' field in target 3rdparty/tiny:wheel is 7" in message


def test_wrong_sha256() -> None:
    with pytest.raises(download.FetchError) as error:
        check(sha256="0" * 64)
    message = str(error.value)
    assert f"has sha256 {SHA256}" in message
    assert f"'sha256' field in target 3rdparty/tiny:wheel is {'0' * 64}" in message
    assert "Nothing in it was run" in message


class Index:
    """Answers instead of the network."""

    def __init__(self, pages: dict[str, tuple[bytes, str]]) -> None:
        self.pages = pages
        self.read_urls: list[str] = []

    def read(self, url: str) -> tuple[bytes, str, str]:
        self.read_urls.append(url)
        if url not in self.pages:
            raise OSError("HTTP Error 404: Not Found")
        body, content_type = self.pages[url]
        return body, content_type, url


def arguments(*indexes: str, sha256: str = SHA256) -> list[str]:
    return [
        "--target=3rdparty/tiny:wheel",
        "--project=tiny-ext",
        "--version=1.0",
        f"--sha256={sha256}",
        f"--size={len(BODY)}",
        "--out=tiny.tar.gz",
        *(f"--index={index}" for index in indexes),
    ]


def test_the_first_index_that_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(
        {
            "https://empty.example/simple/tiny-ext/": (b"<html></html>", "text/html"),
            PAGE: (b'<a href="tiny_ext-1.0.tar.gz">', "text/html"),
            f"{PAGE}tiny_ext-1.0.tar.gz": (BODY, "application/gzip"),
        }
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch_sdist, "read", index.read)
    indexes = (
        "https://down.example/simple",
        "https://empty.example/simple/",
        "https://index.example/simple",
        "https://never.example/simple",
    )
    assert fetch_sdist.main(arguments(*indexes)) == 0
    assert Path("tiny.tar.gz").read_bytes() == BODY
    assert index.read_urls == [
        "https://down.example/simple/tiny-ext/",
        "https://empty.example/simple/tiny-ext/",
        PAGE,
        f"{PAGE}tiny_ext-1.0.tar.gz",
    ]


@pytest.mark.parametrize("page", [b'{"files": []}', b"[]", b"{}", b"<html>"])
def test_not_found(
    page: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = Index({PAGE: (page, JSON)})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch_sdist, "read", index.read)
    indexes = ("https://down.example/simple", "https://index.example/simple")
    assert fetch_sdist.main(arguments(*indexes)) == 1
    message = capsys.readouterr().err
    assert message.startswith("native_wheel: the source distribution of 'tiny-ext' '1.0'")
    assert "'project' and 'version' fields in target 3rdparty/tiny:wheel" in message
    assert "https://down.example/simple/tiny-ext/: OSError: HTTP Error 404" in message
    assert PAGE in message
    assert "[python-repos].indexes" in message
    assert not list(tmp_path.iterdir())


def test_a_wrong_file_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = Index(
        {
            PAGE: (b'<a href="tiny_ext-1.0.tar.gz">', "text/html"),
            f"{PAGE}tiny_ext-1.0.tar.gz": (BODY, "application/gzip"),
        }
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch_sdist, "read", index.read)
    arguments_ = arguments("https://index.example/simple", sha256="0" * 64)
    assert fetch_sdist.main(arguments_) == 1
    assert "'sha256' field in target 3rdparty/tiny:wheel" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_credentials_of_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    own, elsewhere = f"{PAGE}tiny_ext-1.0.tar.gz", "https://files.example/tiny_ext-1.0.tar.gz"
    private = PAGE.replace("https://", "https://me:secret@")
    for link, address in ((own, f"{private}tiny_ext-1.0.tar.gz"), (elsewhere, elsewhere)):
        asked: list[str] = []

        def read(url: str, link: str = link, asked: list[str] = asked) -> tuple[bytes, str, str]:
            asked.append(url)
            # As the server's address is told: without them.
            return f'<a href="{link}">'.encode(), "text/html", PAGE

        monkeypatch.setattr(fetch_sdist, "read", read)
        with pytest.raises(download.FetchError, match="sha256"):
            fetch_sdist.fetch(
                ["https://me:secret@index.example/simple"],
                target="3rdparty/tiny:wheel",
                project="tiny-ext",
                version="1.0",
                sha256=SHA256,
                size=None,
            )
        assert asked == [private, address], "a password is for its host alone"


def test_credentials_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch_sdist, "read", Index({}).read)
    assert fetch_sdist.main(arguments("https://me:secret@down.example/simple")) == 1
    message = capsys.readouterr().err
    assert "https://down.example/simple/tiny-ext/: OSError: HTTP Error 404" in message
    assert "secret" not in message
