"""A service to put behind the gateway: plain ASGI, so that nothing hides what arrives."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Service:
    """Answers under any prefix; the last part of the path says how.

    Attributes:
        name: told by every answer, to see which of several services it was.
        seen: method and path of each request.
        peers: ports that requests came from: one for each connection.
        gate: what "events" and "hold" wait for.
        gone: set when a client has left "events".
    """

    def __init__(self, name: str = "one") -> None:
        self.name = name
        self.seen: list[str] = []
        self.peers: set[int] = set()
        self.gate = threading.Semaphore(0)
        self.gone = threading.Event()
        self.read = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        self.peers.add(scope["client"][1])
        action = scope["path"].rsplit("/", 1)[1]
        if scope["type"] == "websocket":
            await self.websocket(scope, receive, send, action)
            return
        self.seen.append(f"{scope['method']} {scope['path']}")
        handler = getattr(self, f"do_{action.replace('.', '_')}", self.do_echo)
        await handler(scope, receive, send)

    async def do_echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        digest, size = await read_all(receive)
        await answer(
            send,
            {
                "service": self.name,
                "method": scope["method"],
                "raw_path": scope["raw_path"].decode(),
                "query": scope["query_string"].decode(),
                "headers": [[k.decode(), v.decode("latin-1")] for k, v in scope["headers"]],
                "size": size,
                "sha256": digest,
            },
        )

    async def do_cookies(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [
            (b"Set-Cookie", b"a=1; Path=/"),
            (b"X-First", b"1"),
            (b"Set-Cookie", b"b=2; HttpOnly"),
            (b"X-Latin", b"caf\xe9"),
            (b"Connection", b"X-Hop"),
            (b"X-Hop", b"secret"),
            (b"Keep-Alive", b"timeout=5"),
        ]
        await answer(send, {"service": self.name}, headers=headers)

    async def do_redirect(self, scope: Scope, _receive: Receive, send: Send) -> None:
        location = scope["query_string"] or f"http://127.0.0.1:{scope['server'][1]}/shop/x".encode()
        await answer(send, {}, status=302, headers=[(b"location", location)])

    async def do_cors(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"access-control-allow-origin", b"*"), (b"x-request-id", b"of-the-service")]
        await answer(send, {}, headers=headers)

    async def do_empty(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def do_unchanged(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"etag", b'"x"')]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body"})

    async def do_length(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1234")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else b"x" * 1234
        await send({"type": "http.response.body", "body": body})

    async def do_gzip(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        # Not gzip at all: whoever decodes it fails.
        headers = [(b"content-encoding", b"gzip"), (b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"\x1f\x8b\x00\x01"})

    async def do_slow(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.5)
        await answer(send, {"service": self.name})

    async def do_seen(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, {"seen": self.seen})

    async def do_hang(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(20)

    async def do_hold(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.to_thread(self.gate.acquire, timeout=10)
        await answer(send, {"service": self.name})

    async def do_events(self, _scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        left = asyncio.create_task(self._left(receive))
        for number in range(3):
            body = f"data: {number}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            gate = asyncio.create_task(asyncio.to_thread(self.gate.acquire, timeout=5))
            await asyncio.wait((gate, left), return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        await send({"type": "http.response.body"})

    async def _left(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    async def do_break(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await asyncio.sleep(0.05)
        # Returning makes the server break the connection.

    async def do_sink(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads the body, after "?delay=seconds"; counts it in ``read`` as it arrives."""
        self.read = 0
        _, _, delay = scope["query_string"].partition(b"delay=")
        await asyncio.sleep(float(delay or 0))
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            self.read += len(message.get("body", b""))
            more = message.get("more_body", False)
        await answer(send, {"size": self.read})

    async def do_big(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """So many MiB as the query says; counts in ``read`` what has been sent."""
        count = int(scope["query_string"]) * 16
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.read = 0
        for _ in range(count):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            self.read += 65536
        await send({"type": "http.response.body"})

    async def do_openapi_json(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        schema = {"type": "object", "title": self.name, "properties": {}}
        operation = {
            "operationId": "list",
            "responses": {
                "200": {
                    "description": "ok",
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Item"}}
                    },
                }
            },
        }
        paths = {
            f"/{self.name}/items": {"get": operation},
            f"/{self.name}/internal/x": {"get": operation},
            "/healthz": {"get": operation},
        }
        document = {
            "openapi": "3.1.0",
            "paths": paths,
            "components": {"schemas": {"Item": schema}},
        }
        await answer(send, document)

    async def websocket(self, scope: Scope, receive: Receive, send: Send, action: str) -> None:
        await receive()
        if action == "refuse":
            await send({"type": "websocket.close", "code": 1008})
            return
        protocols = scope["subprotocols"]
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": protocols[-1] if protocols else None,
                "headers": [(b"set-cookie", b"ws=1"), (b"set-cookie", b"ws2=2")],
            }
        )
        if action == "headers":
            text = json.dumps([[k.decode(), v.decode()] for k, v in scope["headers"]])
            await send({"type": "websocket.send", "text": text})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.seen.append(f"closed {message['code']} {message.get('reason') or ''}")
                return
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4001, "reason": "as asked"})
                return
            said: str | None = message.get("text")
            reply = {"text": said} if said is not None else {"bytes": message["bytes"]}
            await send({"type": "websocket.send", **reply})


async def read_all(receive: Receive) -> tuple[str, int]:
    """Hash and size of a body."""
    digest, size, more = hashlib.sha256(), 0, True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return digest.hexdigest(), size


async def answer(
    send: Send,
    value: object,
    *,
    status: int = 200,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """One JSON answer."""
    body = json.dumps(value).encode()
    fields = [(b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
