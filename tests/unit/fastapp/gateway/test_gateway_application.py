"""The application without a server: what holds behind servers that check less than ours."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fastapp.gateway import Gateway, GatewayConfig

Field = tuple[bytes, bytes]


def ask(gateway: Gateway, headers: list[Field], **scope: Any) -> tuple[int, dict[str, Any]]:
    """Status and body of one answer."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    request = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/shop/x",
        "query_string": b"",
        "headers": headers,
        **scope,
    }

    async def run() -> None:
        await gateway(request, receive, send)
        await gateway.close()

    asyncio.run(run())
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(GatewayConfig(upstreams={"shop": ["http://127.0.0.1:9"]}))


HOST = (b"host", b"h")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [HOST, HOST],
        [(b"host", b"a/b")],
        [HOST, (b"content-length", b"1"), (b"content-length", b"1")],
        [HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
        [HOST, (b"content-length", b"one")],
        [HOST, (b"content-length", b"-1")],
        [HOST, (b"transfer-encoding", b"gzip")],
        [HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
    ],
)
def test_ambiguous_requests_are_refused_behind_any_server(
    gateway: Gateway, headers: list[Field]
) -> None:
    status, body = ask(gateway, headers)
    assert (status, body["error"]) == (400, "bad_request")


def test_a_server_that_gives_no_raw_path_will_do(gateway: Gateway) -> None:
    assert ask(gateway, [HOST], path="/healthz")[0] == 200
    assert ask(gateway, [HOST], path="/shop/ä b")[0] == 502
    assert ask(gateway, [HOST], path="/shop/../x")[0] == 400


def test_health_tells_the_services(gateway: Gateway) -> None:
    status, body = ask(gateway, [HOST], path="/healthz/ready")
    assert (status, body) == (200, {"status": "ok", "services": {"shop": "ok"}})


def test_documents_can_be_switched_off() -> None:
    gateway = Gateway(GatewayConfig(docs=False))
    assert ask(gateway, [HOST], path="/openapi.json")[0] == 404
    assert ask(gateway, [HOST], path="/docs")[0] == 404
