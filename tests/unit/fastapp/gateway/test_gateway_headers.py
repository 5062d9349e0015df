"""Header rewriting: examples, and properties that hold for any headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapp.gateway.headers import (
    HOP_BY_HOP,
    Headers,
    Hop,
    Rewrite,
    named_by_connection,
    request_headers,
    response_headers,
    trust,
)
from fastapp.gateway.paths import upstream_path

STRANGER = Hop("192.0.2.1", False, "http", b"shop.example", "id-1")
PROXY = Hop("10.0.0.1", True, "http", b"shop.example", "id-1")

names = st.sampled_from(
    [
        *(b"accept", b"cookie", b"x-a", b"x-b", b"te", b"upgrade", b"x-forwarded-for"),
        *(b"forwarded", b"x-forwarded-proto", b"x-real-ip", b"keep-alive", b"transfer-encoding"),
        b"content-length",
    ]
)
values = st.binary(max_size=20).map(lambda raw: bytes(b for b in raw if b >= 32 and b != 127))
headers_of_any_kind = st.lists(
    st.one_of(
        st.tuples(names, values),
        st.tuples(st.just(b"connection"), st.lists(names, max_size=3).map(b", ".join)),
    ),
    max_size=12,
)


@given(headers_of_any_kind)
def test_what_a_service_gets(headers: Headers) -> None:
    out = request_headers(headers, STRANGER)
    named = named_by_connection(headers)
    found = [name for name, _ in out]
    assert not HOP_BY_HOP & set(found)
    for name in (b"host", b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id"):
        assert found.count(name) == 1
    assert dict(out)[b"x-forwarded-for"] == b"192.0.2.1", "no client forges it"
    # All the rest is kept: each value, in order, byte by byte.
    plain = {b"accept", b"cookie", b"x-a", b"x-b", b"content-length"} - named
    assert [item for item in out if item[0] in plain] == [
        item for item in headers if item[0] in plain
    ]


@given(headers_of_any_kind)
def test_the_chain_of_a_trusted_proxy_is_extended_never_shortened(headers: Headers) -> None:
    out = dict(request_headers(headers, PROXY))
    chain = [value.strip() for name, value in headers if name == b"x-forwarded-for"]
    assert out[b"x-forwarded-for"] == b", ".join([*filter(None, chain), b"10.0.0.1"])


@given(headers_of_any_kind)
def test_what_a_client_gets(headers: Headers) -> None:
    out = response_headers(headers)
    named = named_by_connection(headers)
    assert out == [item for item in headers if item[0] not in HOP_BY_HOP | named]


def test_repeated_headers_stay_repeated_and_in_order() -> None:
    cookies = [(b"Set-Cookie", b"a=1"), (b"X", b"1"), (b"set-cookie", b"b=2")]
    assert response_headers(cookies) == cookies


def test_connection_can_not_name_what_frames_the_message() -> None:
    headers = [
        (b"connection", b"Content-Length, Host, close, X-Mine ,, X-Request-ID"),
        (b"content-length", b"3"),
        (b"x-mine", b"1"),
    ]
    assert named_by_connection(headers) == {b"x-mine"}
    out = request_headers(headers, STRANGER)
    assert (b"content-length", b"3") in out


@pytest.mark.parametrize(
    ("addresses", "peer", "expected"),
    [
        ([], "127.0.0.1", False),
        (["10.0.0.1"], "10.0.0.1", True),
        (["10.0.0.1"], "10.0.0.10", False),
        (["10.0.0.0/8"], "10.9.9.9", True),
        (["10.0.0.0/8"], "::ffff:10.9.9.9", True),
        (["fd00::/8"], "fd00::1", True),
        (["fd00::/8"], "10.0.0.1", False),
        (["*"], "192.0.2.1", True),
        (["10.0.0.1"], "not an address", False),
    ],
)
def test_who_is_trusted(addresses: list[str], peer: str, expected: bool) -> None:
    assert trust(addresses)(peer) is expected


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy.example"):
        trust(["proxy.example"])


UP = "http://10.0.0.5:8001"


@pytest.mark.parametrize(
    ("rewrite", "given_location", "expected"),
    [
        (
            Rewrite(UP, "", "https://e.com"),
            b"http://10.0.0.5:8001/x?y=%2F#z",
            b"https://e.com/x?y=%2F#z",
        ),
        (Rewrite(UP, "", "https://e.com"), b"http://10.0.0.5:8001", b"https://e.com"),
        (Rewrite(UP, "", "https://e.com"), b"//10.0.0.5:8001/x", b"https://e.com/x"),
        (Rewrite(UP, "", "https://e.com"), b"http://e.com/x", b"https://e.com/x"),
        (Rewrite(UP, "", "https://e.com"), b"http://10.0.0.5:80011/x", b"http://10.0.0.5:80011/x"),
        (Rewrite(UP, "", "https://e.com"), b"http://evil.com/http://10.0.0.5:8001/", None),
        (Rewrite(UP, "", "https://e.com"), b"/x", None),
        (Rewrite(UP, "", "https://e.com"), b"x/../y", None),
        (Rewrite(UP, "", "https://e.com"), b"mailto:a@b.c", None),
        (Rewrite(UP, "", "https://e.com"), b"http://[broken/x", None),
        (Rewrite(UP, "", "https://e.com"), b"/caf\xe9", None),
        (Rewrite(UP, "", "http://e.com", "/shop"), b"/x", b"/shop/x"),
        (Rewrite(UP, "", "http://e.com", "/shop"), b"/shop/x", b"/shop/x"),
        (Rewrite(UP, "", "http://e.com", "/shop"), f"{UP}/x".encode(), b"http://e.com/shop/x"),
        (Rewrite(UP, "/base", "http://e.com"), f"{UP}/base/x".encode(), b"http://e.com/x"),
        (Rewrite(UP, "/base", "http://e.com", "/shop"), b"/base?x", b"/shop/?x"),
    ],
)
def test_locations(rewrite: Rewrite, given_location: bytes, expected: bytes | None) -> None:
    assert rewrite(given_location) == (given_location if expected is None else expected)


@given(st.binary(max_size=60))
def test_a_location_of_any_bytes_is_no_error(location: bytes) -> None:
    Rewrite(UP, "", "https://e.com", "/shop")(location)


PATHS = st.text("/.%2Fabc?=&#;~-_shop", max_size=20).map(lambda text: f"/{text}")


@given(PATHS)
def test_every_address_of_the_service_becomes_the_clients(path: str) -> None:
    for up in (UP, UP.replace("10.0.0.5", "Backend").lower(), "//10.0.0.5:8001"):
        upstream = UP if "10.0.0.5" in up else up
        rewrite = Rewrite(upstream, "", "http://e.com")
        assert rewrite(f"{up}{path}".encode()) == f"http://e.com{path}".encode()


@given(
    st.sampled_from(["https", "http", "ftp", "ws"]),
    st.from_regex(r"[a-z]{1,8}(:[0-9]{2,4})?", fullmatch=True),
    PATHS,
)
def test_no_address_of_another_is_touched(scheme: str, host: str, path: str) -> None:
    location = f"{scheme}://{host}.example{path}".encode()
    for prefix in ("", "/shop"):
        assert Rewrite(UP, "", "https://e.com", prefix)(location) == location


@given(PATHS)
def test_a_prefix_is_left_out_on_the_way_in_and_put_back_on_the_way_out(path: str) -> None:
    inner = upstream_path(f"/shop{path}", "shop", "/base", strip=True)
    assert inner == f"/base{path}"
    if path.startswith("//"):
        return  # a Location of two slashes is a host
    rewrite = Rewrite(UP, "/base", "http://e.com", "/shop")
    assert rewrite(inner.encode()) == f"/shop{path}".encode()
    assert rewrite(f"{UP}{inner}".encode()) == f"http://e.com/shop{path}".encode()


@given(headers_of_any_kind)
def test_passing_two_gateways_is_like_passing_one_that_is_trusted(headers: Headers) -> None:
    """Nothing is added twice, lost, or believed of the one that may not be."""
    once = request_headers(headers, STRANGER)
    twice = request_headers(once, PROXY)
    differs = {b"x-forwarded-for"}
    assert [item for item in twice if item[0] not in differs] == [
        item for item in once if item[0] not in differs
    ]
    assert dict(twice)[b"x-forwarded-for"] == b"192.0.2.1, 10.0.0.1"
