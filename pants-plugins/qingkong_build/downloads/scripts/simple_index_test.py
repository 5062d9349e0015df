from __future__ import annotations

import json

import pytest
from simple_index import find_sdist, links_of_page, normalized

PAGE = "https://index.example/simple/tiny-ext/"
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.mark.parametrize("project", ["Tiny_Ext", "tiny.ext", "tiny-ext", "TINY--_.ext"])
def test_normalized(project: str) -> None:
    assert normalized(project) == "tiny-ext"


def test_links_of_a_json_page() -> None:
    body = json.dumps({"files": [{"url": "a.tar.gz"}, {"url": "https://x.example/b.whl"}]})
    expected = ["a.tar.gz", "https://x.example/b.whl"]
    assert links_of_page(body.encode(), JSON) == expected


def test_links_of_an_html_page() -> None:
    body = b'<a href="../a.tar.gz#sha256=0">a</a><p href="no"><a>none</a><a href="b&amp;c">b</a>'
    assert links_of_page(body, "text/html") == ["../a.tar.gz#sha256=0", "b&c"]


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
    assert find_sdist(PAGE, links, "Tiny-Ext", "1.0") == expected


@pytest.mark.parametrize(
    "link",
    ["tiny_ext-1.0.1.tar.gz", "tiny_ext-11.0.tar.gz", "other-1.0.tar.gz", "tiny_ext-1.0.zip"],
)
def test_find_no_other_link(link: str) -> None:
    assert find_sdist(PAGE, [link], "Tiny-Ext", "1.0") is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"files": 1}', b"<html>", b'{"files": [{}]}']
)
def test_no_page(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"no list of files|Expecting value"):
        links_of_page(body, JSON)
