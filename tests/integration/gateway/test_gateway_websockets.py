"""WebSockets through the gateway, with a client of another project."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from typing import Any

import pytest
from integration.gateway.conftest import Stack
from integration.gateway.services import Service
from integration.gateway.support import (
    QUIET,
    canned,
    raw,
    request,
    running_gateway,
    serving,
    wait_for,
)
from integration.ports import free_port
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from fastapp.draining import refuse_new_connections
from fastapp.gateway import Gateway, GatewayConfig


def socket_to(port: int, path: str, **options: Any) -> connect:
    options.setdefault("open_timeout", 10)
    return connect(f"ws://127.0.0.1:{port}{path}", proxy=None, **options)


def run(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def test_text_and_binary_come_back(stack: Stack) -> None:
    async def talk() -> None:
        async with socket_to(stack.port, "/shop/ws?a=b%2Fc") as client:
            for message in ("grüße", b"\x00\xff", "", b"", "x" * 300_000):
                await client.send(message)
                assert await client.recv() == message
            await client.send(["frag", "men", "ted"])
            assert await client.recv() == "fragmented"
            await asyncio.wait_for(await client.ping(), 5)

    run(talk())
    wait_for(lambda: stack.service.seen == ["closed 1000 "])


def test_subprotocols_and_headers_pass(stack: Stack) -> None:
    async def talk() -> None:
        options = {
            "subprotocols": ["v1", "v2"],
            "additional_headers": {"Cookie": "a=1", "X-Forwarded-For": "203.0.113.9"},
            "origin": "https://example.com",
        }
        async with socket_to(stack.port, "/shop/headers", **options) as client:
            assert client.subprotocol == "v2"
            assert client.response is not None
            assert client.response.headers.get_all("set-cookie") == ["ws=1", "ws2=2"]
            seen = dict(json.loads(await client.recv()))
            assert (seen["cookie"], seen["origin"]) == ("a=1", "https://example.com")
            assert seen["x-forwarded-for"] == "127.0.0.1"
            assert seen["x-request-id"] == client.response.headers["x-request-id"]

    run(talk())


def test_close_codes_pass_both_ways(stack: Stack) -> None:
    async def talk() -> None:
        async with socket_to(stack.port, "/shop/ws") as client:
            await client.send("close")
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert (client.close_code, client.close_reason) == (4001, "as asked")
        async with socket_to(stack.port, "/shop/ws") as client:
            await client.close(4002, "I am done")

    run(talk())
    wait_for(lambda: "closed 4002 I am done" in stack.service.seen)


def test_a_client_that_vanishes_closes_the_other_side(stack: Stack) -> None:
    async def talk() -> None:
        async with socket_to(stack.port, "/shop/ws") as client:
            await client.send("x")
            await client.recv()
            client.transport.abort()

    run(talk())
    # uvicorn does not tell "gone" from "closed without a code".
    wait_for(lambda: any(line.startswith("closed 100") for line in stack.service.seen))


def refusal(port: int, path: str) -> Response:
    """What is answered to a handshake instead of a WebSocket."""

    async def ask() -> Response:
        with pytest.raises(InvalidStatus) as refused:
            async with socket_to(port, path):
                pass
        return refused.value.response

    found: Response = run(ask())
    return found


def test_refusals_are_answered_before_the_handshake(stack: Stack) -> None:
    assert refusal(stack.port, "/shop/refuse").status_code == 403
    with running_gateway({"shop": [f"http://127.0.0.1:{free_port()}"]}) as dead:
        for port, path, status in (
            (stack.port, "/nothing/ws", 404),
            (stack.port, "/shop/internal/ws", 404),
            (dead, "/shop/ws", 502),
        ):
            answer = refusal(port, path)
            assert answer.status_code == status
            assert b'"error"' in (answer.body or b"")


@pytest.mark.skipif(sys.platform != "linux", reason="the packet filter is Linux'")
def test_a_connection_that_takes_too_long_is_made_to_another_upstream(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert refuse_new_connections([silent])
        lost = f"http://127.0.0.1:{silent.getsockname()[1]}"
        limits: dict[str, Any] = {"connect_timeout": 0.5, "eject_seconds": 60.0}
        with running_gateway({"shop": [lost]}, **limits) as port:
            assert refusal(port, "/shop/ws").status_code == 504
        urls = [lost, f"http://127.0.0.1:{stack.service_port}"]
        with running_gateway({"shop": urls}, balancing="round-robin", **limits) as port:

            async def talk() -> None:
                for _ in range(4):
                    async with socket_to(port, "/shop/ws") as client:
                        await client.send("x")
                        assert await client.recv() == "x"

            run(talk())


def test_a_redirect_of_a_handshake_is_passed_on_and_never_followed() -> None:
    asked: list[bytes] = []
    with canned(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", seen=asked) as victim:
        target = f"http://127.0.0.1:{victim}/admin"
        for status in (b"301 Moved", b"302 Found", b"303 See Other", b"307 T", b"308 P"):
            head = b"HTTP/1.1 %b\r\nLocation: %b\r\nContent-Length: 4\r\n\r\nmove"
            with canned(head % (status, target.encode())) as port_of_service:
                url = f"http://127.0.0.1:{port_of_service}"
                with running_gateway({"shop": [url]}) as port:
                    # A client that knows no redirects: the one of the tests would follow.
                    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
                    fields = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", key)
                    message = request("/shop/ws", *fields).replace(b": close", b": Upgrade")
                    answer = raw(port, message)
            assert answer.startswith(b"HTTP/1.1 %b" % status[:3]), answer
            assert target.encode() in answer
            assert answer.endswith(b"move")
    assert asked == []


def test_a_refusal_keeps_status_headers_and_body() -> None:
    body = b'{"why": "no token"}'
    head = (
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=x\r\nSet-Cookie: a=1\r\n"
        b"Set-Cookie: b=2\r\nContent-Type: application/json\r\nKeep-Alive: timeout=5\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with canned(head + body) as port_of_service:
        with running_gateway({"shop": [f"http://127.0.0.1:{port_of_service}"]}) as port:
            answer = refusal(port, "/shop/ws")
    assert (answer.status_code, answer.body) == (401, body)
    assert answer.headers["www-authenticate"] == "Bearer realm=x"
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["content-type"] == "application/json"
    assert "keep-alive" not in answer.headers
    assert "x-request-id" in answer.headers


def test_a_handshake_that_goes_wrong_is_502() -> None:
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    for said in (
        *(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", b"no HTTP at all\r\n\r\n", b""),
        switched + b"Sec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000,
    ):
        with canned(said) as port_of_service:
            with running_gateway({"shop": [f"http://127.0.0.1:{port_of_service}"]}) as port:
                answer = refusal(port, "/shop/ws")
                assert (answer.status_code, b"bad_gateway" in (answer.body or b"")) == (502, True)


def test_a_handshake_without_an_answer_is_logged_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with canned(b"") as closing, socket.create_server(("127.0.0.1", 0)) as silent:
        for port_of_service, cause, status in (
            (free_port(), "connect", 502),
            (closing, "broken", 502),
            (silent.getsockname()[1], "timeout", 504),
        ):
            url = f"http://127.0.0.1:{port_of_service}"
            gateway = Gateway(GatewayConfig(upstreams={"shop": [url]}, read_timeout=0.5))
            caplog.clear()
            with serving(gateway, **QUIET) as port:
                assert refusal(port, "/shop/ws").status_code == status
            (upstream,) = gateway.directory.upstreams
            assert upstream.errors == {"connect": 0, "timeout": 0, "broken": 0, cause: 1}
            assert upstream.active == 0
            (message,) = (
                record.getMessage()
                for record in caplog.records
                if record.getMessage().startswith(f"upstream {url}: ")
            )
            assert "Error: " in message


def test_a_service_that_dies_closes_the_client(stack: Stack) -> None:
    async def talk(client: ClientConnection) -> int | None:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        return client.close_code

    async def all_of_it() -> None:
        with contextlib.ExitStack() as service:
            port_of_service = service.enter_context(serving(Service()))
            with running_gateway({"shop": [f"http://127.0.0.1:{port_of_service}"]}) as port:
                client = await socket_to(port, "/shop/ws")
                # It ends in this thread: what it says waits in the socket.
                service.close()
                # uvicorn says 1012, "restarting", when it ends.
                assert await talk(client) in (1011, 1012)

    run(all_of_it())


def test_a_hundred_sockets_at_the_same_time(stack: Stack) -> None:
    async def talk() -> None:
        clients = await asyncio.gather(*(socket_to(stack.port, "/shop/ws") for _ in range(100)))
        await asyncio.gather(*(client.send(str(n)) for n, client in enumerate(clients)))
        answers = await asyncio.gather(*(client.recv() for client in clients))
        assert answers == [str(n) for n in range(100)]
        await asyncio.gather(*(client.close() for client in clients))

    run(talk())
