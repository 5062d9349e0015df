"""HTTP through the gateway: paths, headers, bodies, streams."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from integration.gateway.conftest import Stack
from integration.gateway.services import Service
from integration.gateway.support import (
    SECONDS,
    echoed,
    json_of,
    raw,
    request,
    running_gateway,
    serving,
    settled,
    wait_for,
)


def head_of(answer: bytes) -> list[bytes]:
    return answer.partition(b"\r\n\r\n")[0].split(b"\r\n")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/shop/a%2Fb", "/shop/a%2Fb", ""),
        ("/shop/a%2fb%20c/", "/shop/a%2fb%20c/", ""),
        ("/shop//double///x", "/shop//double///x", ""),
        ("/shop/items?next=/a", "/shop/items", "next=/a"),
        ("/shop?x=1", "/shop", "x=1"),
        ("/shop/?a=b%2Fc+d&&e=%E4&a=%zz", "/shop/", "a=b%2Fc+d&&e=%E4&a=%zz"),
        ("/shop/%E4%BD%A0;v=1,2@:!$&'()*", "/shop/%E4%BD%A0;v=1,2@:!$&'()*", ""),
        ("/shop/x?a[]=1|2&b=\"'<>^`{}\\", "/shop/x", "a[]=1|2&b=\"'<>^`{}\\"),
    ],
)
def test_path_and_query_arrive_byte_by_byte(
    stack: Stack, target: str, path: str, query: str
) -> None:
    seen = json_of(raw(stack.port, request(target)))
    assert (seen["raw_path"], seen["query"]) == (path, query)


def test_two_set_cookies_stay_two_and_in_order(stack: Stack) -> None:
    lines = head_of(raw(stack.port, request("/shop/cookies")))
    assert [line for line in lines if line.lower().startswith((b"set-cookie", b"x-first"))] == [
        b"set-cookie: a=1; Path=/",
        b"x-first: 1",
        b"set-cookie: b=2; HttpOnly",
    ]
    assert b"x-latin: caf\xe9" in lines, "bytes are kept, whatever they encode"


def test_hop_by_hop_headers_end_here(stack: Stack) -> None:
    lines = b"\n".join(head_of(raw(stack.port, request("/shop/cookies")))).lower()
    assert b"x-hop" not in lines
    assert b"keep-alive" not in lines
    seen = echoed(
        stack.port,
        "/shop/echo",
        "Connection: X-Mine, close",
        "X-Mine: 1",
        "TE: trailers",
        "Proxy-Authorization: Basic eDp5",
        "Upgrade: h2c",
        "X-Kept: 1",
        "X-Kept: 2",
    )
    assert not {"x-mine", "te", "proxy-authorization", "upgrade", "connection"} & set(seen)
    assert seen["x-kept"] == ["1", "2"]


def test_nothing_is_added_that_the_client_did_not_say(stack: Stack) -> None:
    assert set(echoed(stack.port, "/shop/echo")) == {
        "host",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-request-id",
        "traceparent",
    }


def test_strangers_can_not_forge_where_they_come_from(stack: Stack) -> None:
    seen = echoed(
        stack.port,
        "/shop/echo",
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-For: 203.0.113.10",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Prefix: /evil",
        "X-Real-IP: 203.0.113.9",
        "Forwarded: for=203.0.113.9",
        host="good.example",
    )
    assert seen["x-forwarded-for"] == ["127.0.0.1"]
    assert seen["x-forwarded-proto"] == ["http"]
    assert seen["x-forwarded-host"] == ["good.example"]
    assert not {"x-forwarded-prefix", "x-real-ip", "forwarded"} & set(seen)


def test_a_trusted_proxy_is_believed_and_extended(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.service_port}"
    with running_gateway({"shop": [url]}, trusted_proxies=["127.0.0.0/8"]) as port:
        seen = echoed(
            port,
            "/shop/echo",
            "X-Forwarded-For: 203.0.113.9, 10.0.0.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: shop.example",
            # Naming it here must not make it vanish.
            "Connection: X-Forwarded-For",
        )
        location = head_of(
            raw(
                port,
                request(
                    "/shop/redirect",
                    "X-Forwarded-Proto: https",
                    "X-Forwarded-Host: shop.example",
                ),
            )
        )
    assert seen["x-forwarded-for"] == ["203.0.113.9, 10.0.0.1, 127.0.0.1"]
    assert seen["x-forwarded-proto"] == ["https"]
    assert seen["x-forwarded-host"] == ["shop.example"]
    assert b"location: https://shop.example/shop/x" in location


def test_request_id_and_trace_context_pass(stack: Stack) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = stack.http.get(
        "/shop/echo", headers={"X-Request-ID": "abc-1", "traceparent": trace, "tracestate": "a=b"}
    )
    seen = dict(answer.json()["headers"])
    assert seen["x-request-id"] == answer.headers["x-request-id"] == "abc-1"
    assert (seen["traceparent"], seen["tracestate"]) == (trace, "a=b")
    answer = stack.http.get("/shop/cors", headers={"X-Request-ID": "no good\t<id>"})
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]
    assert len(answer.headers["x-request-id"]) == 32


def test_redirects_point_at_the_gateway(stack: Stack) -> None:
    def location(to: str) -> str:
        return stack.http.get(f"/shop/redirect?{to}").headers["location"]

    here = f"http://127.0.0.1:{stack.port}"
    assert location("") == f"{here}/shop/x"
    assert location(f"http://127.0.0.1:{stack.service_port}/a?b=c%2Fd") == f"{here}/a?b=c%2Fd"
    assert location("/shop/y") == "/shop/y"
    assert location("y") == "y"
    assert location("https://elsewhere.example/x") == "https://elsewhere.example/x"


def test_a_stripped_prefix_is_told_and_put_back(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.service_port}"
    with running_gateway({"v1/shop": [url]}, strip_prefixes=frozenset({"v1/shop"})) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/shop/a%2Fb?q=1").json()
        assert answer["raw_path"] == "/a%2Fb"
        assert dict(answer["headers"])["x-forwarded-prefix"] == "/v1/shop"
        moved = httpx.get(f"http://127.0.0.1:{port}/v1/shop/redirect")
        assert moved.headers["location"] == f"http://127.0.0.1:{port}/v1/shop/shop/x"
        assert httpx.get(f"http://127.0.0.1:{port}/v1/shop").json()["raw_path"] == "/"


def test_connections_to_the_service_are_used_again(stack: Stack) -> None:
    for _ in range(20):
        # A new connection to the gateway each time.
        assert httpx.get(f"http://127.0.0.1:{stack.port}/shop/echo").status_code == 200
    assert len(stack.service.peers) == 1


def test_bodies_without_an_end_known_before_stream_up(stack: Stack) -> None:
    def chunks() -> Iterator[bytes]:
        for number in range(64):
            yield bytes([number]) * 65536

    whole = b"".join(chunks())
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        seen = stack.http.request(method, "/shop/echo", content=chunks()).json()
        assert (seen["size"], seen["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())
    seen = stack.http.post("/shop/echo", content=b"x" * 2_000_000).json()
    assert seen["size"] == 2_000_000, "more than 1 MiB, the limit of an earlier gateway"
    assert dict(seen["headers"])["content-length"] == "2000000"
    assert stack.http.post("/shop/echo", content=b"").json()["size"] == 0
    assert stack.http.request("GET", "/shop/echo", content=b"abc").json()["size"] == 3


def test_a_slow_service_slows_the_client_down(stack: Stack) -> None:
    """Back-pressure upwards: what the service does not read, the gateway does not take."""
    with socket.create_connection(("127.0.0.1", stack.port)) as client:
        client.settimeout(0.5)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        size = 256 << 20
        head = f"POST /shop/sink?delay=10 HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n"
        client.sendall(head.encode())
        sent = 0
        try:
            while sent < size:
                sent += client.send(b"x" * 65536)
        except TimeoutError:
            pass
    assert sent < 64 << 20, f"{sent} bytes went into buffers"


def test_a_slow_client_slows_the_service_down(stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", stack.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(b"GET /shop/big?256 HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.recv(100)
        buffered = settled(lambda: stack.service.read)
        assert buffered < 64 << 20, f"{buffered} bytes went into buffers"


def test_a_limit_of_bodies_is_413_whether_announced_or_not(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.service_port}"
    with running_gateway({"shop": [url]}, max_body_bytes=1000) as port:
        base = f"http://127.0.0.1:{port}/shop/echo"
        assert httpx.post(base, content=b"x" * 1000).json()["size"] == 1000
        stack.service.seen.clear()
        answer = httpx.post(base, content=b"x" * 1001)
        assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")
        assert stack.service.seen == []
        answer = httpx.post(base, content=iter([b"x" * 600, b"x" * 600]))
        assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")


def test_events_arrive_one_by_one(stack: Stack) -> None:
    with stack.http.stream("GET", "/shop/events") as answer:
        events = answer.iter_text()
        for number in range(3):
            # The service sends the next only when it is allowed to: nothing may be held back.
            assert next(events) == f"data: {number}\n\n"
            stack.service.gate.release()
        assert list(events) == []


def test_events_outlast_the_read_timeout_and_end_with_the_client(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.service_port}"
    with running_gateway({"shop": [url]}, read_timeout=0.3) as port:
        with httpx.stream("GET", f"http://127.0.0.1:{port}/shop/events") as answer:
            events = answer.iter_text()
            next(events)
            # Longer than the service may be silent: here time is what is tested.
            time.sleep(0.8)
            stack.service.gate.release()
            assert next(events) == "data: 1\n\n"
        assert stack.service.gone.wait(SECONDS), "the service still sends to no one"


def test_a_client_that_leaves_ends_its_upload(stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", stack.port)) as client:
        client.sendall(b"POST /shop/sink HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nabc")
        wait_for(lambda: stack.service.read == 3)
    assert stack.service.gone.wait(SECONDS)


def test_answers_without_a_body(stack: Stack) -> None:
    assert stack.http.get("/shop/empty").status_code == 204
    unchanged = stack.http.get("/shop/unchanged")
    assert (unchanged.status_code, unchanged.headers["etag"]) == (304, '"x"')
    head = stack.http.head("/shop/length")
    assert (head.headers["content-length"], head.content) == ("1234", b"")
    assert len(stack.http.get("/shop/length").content) == 1234
    assert stack.http.options("/shop/echo").json()["method"] == "OPTIONS"


def test_encoded_bodies_are_not_decoded(stack: Stack) -> None:
    with stack.http.stream("GET", "/shop/gzip") as answer:
        assert b"".join(answer.iter_raw()) == b"\x1f\x8b\x00\x01"


def test_continue_is_said_when_the_body_is_wanted(stack: Stack) -> None:
    head = (
        b"POST /shop/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", stack.port), timeout=SECONDS) as client:
        client.sendall(head)
        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200")
    refused = raw(stack.port, head.replace(b"/shop/echo", b"/none"), timeout=0.5)
    assert refused.startswith(b"HTTP/1.1 404"), "nothing wants this body"


def test_an_answer_that_breaks_off_is_not_passed_for_a_whole_one(stack: Stack) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        stack.http.get("/shop/break")


def test_requests_on_one_connection_are_answered_in_order(stack: Stack) -> None:
    lines = [b"GET /shop/echo?%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(3)]
    last = request("/shop/echo?3")
    answer = raw(stack.port, b"".join(lines) + last)
    places = [answer.index(b'"query": "%d"' % number) for number in range(4)]
    assert places == sorted(places)


def test_embedded_in_another_application(stack: Stack) -> None:
    from fastapi import FastAPI

    from fastapp.gateway import Gateway, GatewayConfig

    app = FastAPI()
    url = f"http://127.0.0.1:{stack.service_port}"
    app.mount("/api", Gateway(GatewayConfig(upstreams={"shop": [url]})))
    with serving(app) as port:
        assert (
            httpx.get(f"http://127.0.0.1:{port}/api/shop/a%2Fb").json()["raw_path"] == "/shop/a%2Fb"
        )


def test_a_default_upstream_gets_the_rest_and_no_more(stack: Stack) -> None:
    rest = Service("rest")
    with serving(rest) as rest_port:
        default = [f"http://127.0.0.1:{rest_port}"]
        shop = {"shop": [f"http://127.0.0.1:{stack.service_port}"]}
        hidden = frozenset({"secret"})
        with running_gateway(shop, default_upstreams=default, hidden_prefixes=hidden) as port:
            base = f"http://127.0.0.1:{port}"
            assert httpx.get(f"{base}/anything").json()["service"] == "rest"
            assert httpx.get(f"{base}/shopping").json()["service"] == "rest"
            assert httpx.get(f"{base}/shop").json()["service"] == "shop"
            rest.seen.clear()
            for path in ("metrics", "redoc", "%6detrics", "internal/call", "secret/x", "_Internal"):
                assert httpx.get(f"{base}/{path}").status_code == 404, path
            assert rest.seen == []
