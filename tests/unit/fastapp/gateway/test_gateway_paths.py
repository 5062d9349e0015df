"""Which path is whose: examples and properties."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from fastapp.gateway.paths import (
    find_prefix,
    is_clean,
    is_internal,
    is_reserved,
    upstream_path,
)

raw_paths = st.text("/.%2FfeE5cax;~-_", max_size=30).map(lambda text: f"/{text}")
visible = "".join(set(map(chr, range(0x21, 0x7F))) - {"#", "?"})
PREFIXES = {"shop": 1, "shop/v2": 2, "a/b/c": 3}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/shop", "shop"),
        ("/shop/", "shop"),
        ("/shop/x/y", "shop"),
        ("/shop/v2", "shop/v2"),
        ("/shop/v2/x", "shop/v2"),
        ("/shop/v22", "shop"),
        ("/shopping", None),
        ("/a/b", None),
        ("/a/b/c/d", "a/b/c"),
        ("/", None),
        ("//shop", None),
        ("/Shop/x", None),
        ("/sh%6fp/x", None),
        ("/shop%2Fv2", None),
    ],
)
def test_the_longest_prefix_wins_part_by_part(path: str, expected: str | None) -> None:
    assert find_prefix(path, PREFIXES) == expected


@given(raw_paths)
def test_a_prefix_that_is_found_is_one(path: str) -> None:
    found = find_prefix(path, PREFIXES)
    matching = [p for p in PREFIXES if path == f"/{p}" or path.startswith(f"/{p}/")]
    assert found == max(matching, key=len, default=None)


@given(st.text(visible, max_size=40), st.text(visible + "?", max_size=40))
def test_target_reaches_the_service_unchanged(path: str, query: str) -> None:
    """What the HTTP client puts on the wire is what the client of the gateway wrote."""
    target = f"/shop/{path}" + (f"?{query}" if query else "")
    assert upstream_path(f"/shop/{path}", "shop", "", strip=False) == f"/shop/{path}"
    assert URL(f"http://127.0.0.1:1{target}", encoded=True).raw_path_qs == target


@given(raw_paths)
def test_clean_paths_have_no_dots_however_often_decoded(path: str) -> None:
    if is_clean(path):
        decoded = path.replace("%2e", ".").replace("%2E", ".").replace("%2f", "/")
        decoded = decoded.replace("%2F", "/").replace("%5c", "/").replace("%5C", "/")
        assert not {".", ".."} & set(decoded.split("/"))


@pytest.mark.parametrize("path", ["/a..b", "/...", "/.hidden", "/a.b/c.", "/%2ehidden", "/a%2Fb"])
def test_dots_in_names_are_fine(path: str) -> None:
    assert is_clean(path)


@pytest.mark.parametrize("path", ["", "a", "/a b", "/\x7f", "/\xe9", "/a\r\nX: 1"])
def test_paths_that_can_not_be_sent_are_refused(path: str) -> None:
    assert not is_clean(path)


@given(st.text(string.ascii_letters, min_size=1, max_size=3), st.booleans())
def test_internal_in_any_case_and_encoding(slashes: str, encode: bool) -> None:
    word = "".join(
        f"%{ord(c):02x}" if encode and n % 2 else (c.upper() if n % 3 else c)
        for n, c in enumerate("internal")
    )
    root = "/" * len(slashes)
    assert is_internal(f"/shop{root}{word}/x", "shop", {"internal"})
    assert is_internal(f"{root}{word}", None, {"internal"})


def test_internal_further_down_is_a_name_like_others() -> None:
    assert not is_internal("/shop/items/internal", "shop", {"internal"})
    assert not is_internal("/shop/internals", "shop", {"internal"})
    assert not is_internal("/shop/internal", "shop", set())


def test_reserved() -> None:
    for path in ("/metrics", "/%6detrics/x", "//docs", "/OpenAPI.json", "/redoc;x"):
        assert is_reserved(path)
    assert not is_reserved("/metric")


def test_stripping() -> None:
    assert upstream_path("/shop/a%2Fb", "shop", "", strip=True) == "/a%2Fb"
    assert upstream_path("/shop", "shop", "", strip=True) == "/"
    assert upstream_path("/shop//x", "shop", "/base", strip=True) == "/base//x"
    assert upstream_path("/x", None, "/base", strip=True) == "/base/x"
