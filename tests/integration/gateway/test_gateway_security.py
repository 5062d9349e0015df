"""What the gateway refuses: foreign hosts and origins, internal paths, heads beyond its limits."""

from __future__ import annotations

import socket
import time
from typing import Any

import httpx
import pytest
from integration.gateway.conftest import Stack
from integration.gateway.support import SECONDS, raw, running_gateway

CORS: dict[str, Any] = {
    "allow_origins": ["https://example.com"],
    "allow_credentials": True,
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["Content-Type"],
}


@pytest.mark.parametrize(
    "line",
    [
        b"GET /shop/../other HTTP/1.1",
        b"GET /shop/%2e%2E/internal HTTP/1.1",
        b"GET /shop/..%2finternal HTTP/1.1",
        b"GET /shop/.%5c HTTP/1.1",
        b"TRACE /shop/echo HTTP/1.1",
    ],
)
def test_what_services_need_not_see_is_refused(stack: Stack, line: bytes) -> None:
    answer = raw(stack.port, line + b"\r\nHost: h\r\nConnection: close\r\n\r\n", timeout=0.5)
    assert answer.startswith(b"HTTP/1.1 4")
    assert stack.service.seen == []


def test_hosts_are_checked(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.service_port}"
    with running_gateway({"shop": [url]}, allowed_hosts=("shop.example",)) as port:
        base = f"http://127.0.0.1:{port}"
        answer = httpx.get(f"{base}/shop/echo")
        assert (answer.status_code, answer.json()["error"]) == (400, "disallowed_host")
        answer = httpx.get(f"{base}/shop/echo", headers={"Host": "shop.example:81"})
        assert dict(answer.json()["headers"])["host"] == "shop.example:81"
        assert httpx.get(f"{base}/healthz").status_code == 200


def test_heads_are_limited_in_size_and_time(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.service_port}"
    limits: dict[str, Any] = {"max_header_bytes": 4096, "client_timeout": 0.5}
    with running_gateway({"shop": [url]}, **limits) as port:
        start = b"GET /shop/echo HTTP/1.1\r\nHost: h\r\n"
        for head in (
            start + b"X: " + b"a" * 5000 + b"\r\n\r\n",
            start + b"X: " + b"a" * 5000,
            start + b"X: 1\r\n" * 1000 + b"\r\n",
            b"GET /shop/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        ):
            assert raw(port, head).startswith(b"HTTP/1.1 431"), head[:50]
        # Slow loris: one that drips is cut off as well as one that says nothing.
        for said in (b"", start):
            with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
                client.sendall(said)
                began = time.monotonic()
                if said:
                    time.sleep(0.3)
                    client.sendall(b"X: ")
                assert client.recv(20).startswith(b"HTTP/1.1 408")
                assert time.monotonic() - began < SECONDS
        answer = raw(port, b"POST /shop/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 408"), "a body that stops"
        assert httpx.get(f"http://127.0.0.1:{port}/shop/echo").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/shop/internal",
        "/shop/internal/call",
        "/shop/_internal/x",
        "/shop/Internal/x",
        "/shop/%69nternal/x",
        "/shop//internal/x",
        "/shop/%2finternal/x",
        "/shop/internal;v=1/x",
        "/internal/x",
        "/metrics",
        "/redoc",
    ],
)
def test_internal_endpoints_are_not_reached(stack: Stack, path: str) -> None:
    answer = raw(
        stack.port, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 404")
    assert stack.service.seen == []


def test_cors_is_exact(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.service_port}"
    with running_gateway({"shop": [url]}, cors=CORS) as port:
        base = f"http://127.0.0.1:{port}/shop"
        good = httpx.get(f"{base}/cors", headers={"Origin": "https://example.com"})
        assert good.headers.get_list("access-control-allow-origin") == ["https://example.com"]
        assert good.headers["access-control-allow-credentials"] == "true"
        for origin in (
            "https://evilexample.com",
            "https://example.com.evil.example",
            "https://sub.example.com",
            "http://example.com",
            "https://example.com:444",
            "null",
        ):
            bad = httpx.get(f"{base}/cors", headers={"Origin": origin})
            assert "access-control-allow-origin" not in bad.headers, origin
        asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
        stack.service.seen.clear()
        answer = httpx.options(f"{base}/echo", headers=asked)
        assert answer.status_code == 200
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert stack.service.seen == [], "the gateway answers it"
        asked["Origin"] = "https://evilexample.com"
        assert httpx.options(f"{base}/echo", headers=asked).status_code == 400
        missing = httpx.get(
            f"http://127.0.0.1:{port}/no", headers={"Origin": "https://example.com"}
        )
        assert missing.headers["access-control-allow-origin"] == "https://example.com"


def test_without_cors_settings_the_service_decides(stack: Stack) -> None:
    answer = stack.http.get("/shop/cors", headers={"Origin": "https://example.com"})
    assert answer.headers["access-control-allow-origin"] == "*"
