"""Calls that the framework makes itself go where the configuration says, and nowhere else.

No redirect is followed, no proxy or password is taken from the environment, no cookie is kept for
a later call, and no body is decompressed on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from integration.gateway.services import Service
from integration.gateway.support import canned, running_gateway, serving, wait_for
from integration.observability.collector import collecting
from websockets.asyncio.client import connect

from fastapp.conf import BaseSettings
from fastapp.tracing.exporter import tracer_provider

FOUND = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SECONDS = 30.0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[bytes]]:
    """Requests that reach a proxy that the environment names; there must be none."""
    seen: list[bytes] = []
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login root password secret\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with canned(FOUND, seen=seen) as port:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "ws_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        yield seen


def test_the_gateway_goes_to_its_upstreams(asked: list[bytes]) -> None:
    service = Service("shop")
    with serving(service) as port_of_service:
        with (
            running_gateway({"shop": [f"http://127.0.0.1:{port_of_service}"]}) as port,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        ):
            seen = dict(client.get("/shop/x").json()["headers"])
            assert "authorization" not in seen
            assert client.get("/shop/redirect?http://192.0.2.1/x").status_code == 302
            # The client of the gateway keeps no cookie, not even for the same client.
            assert client.get("/shop/cookies").headers.get_list("set-cookie") != []
            fresh = httpx.get(f"http://127.0.0.1:{port}/shop/x", trust_env=False).json()
            assert "cookie" not in dict(fresh["headers"])
            with client.stream("GET", "/shop/gzip") as answer:
                assert b"".join(answer.iter_raw()) == b"\x1f\x8b\x00\x01"
            assert client.get("/openapi.json").json()["paths"] != {}

            async def talk() -> None:
                url = f"ws://127.0.0.1:{port}/shop/headers"
                async with connect(url, proxy=None) as socket:
                    assert "authorization" not in str(await socket.recv())

            asyncio.run(asyncio.wait_for(talk(), SECONDS))
    assert asked == []


def test_documents_are_taken_from_upstreams_only(asked: list[bytes]) -> None:
    redirected: list[bytes] = []
    seen: list[bytes] = []
    with canned(FOUND, seen=redirected) as victim:
        head = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{victim}/\r\n"
        with canned(f"{head}Content-Length: 0\r\n\r\n".encode(), seen=seen) as port_of_service:
            with running_gateway({"shop": [f"http://127.0.0.1:{port_of_service}"]}) as port:
                url = f"http://127.0.0.1:{port}/openapi.json"
                document = httpx.get(url, trust_env=False).json()
    assert document["x-unavailable"] == ["shop"]
    assert seen != []
    assert redirected == asked == []


def test_spans_go_to_the_collector(asked: list[bytes]) -> None:
    with collecting() as collector:
        settings = BaseSettings.from_values({"OTLP_ENDPOINT": collector.url})
        provider = tracer_provider(settings, "audited")
        provider.get_tracer("test").start_span("one").end()
        provider.shutdown()
        assert [span.name for span in collector.wait_for("audited", 1)] == ["one"]
    assert asked == []


def test_spans_follow_no_redirect(asked: list[bytes]) -> None:
    redirected: list[bytes] = []
    seen: list[bytes] = []
    with canned(FOUND, seen=redirected) as victim:
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{victim}/\r\n"
        with canned(f"{head}Content-Length: 0\r\n\r\n".encode(), seen=seen) as port:
            settings = BaseSettings.from_values({"OTLP_ENDPOINT": f"http://127.0.0.1:{port}"})
            provider = tracer_provider(settings, "audited")
            provider.get_tracer("test").start_span("one").end()
            provider.shutdown()
            wait_for(lambda: seen)
    assert redirected == asked == []
