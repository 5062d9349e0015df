"""What a service answers to the handshake of a WebSocket when it takes none.

aiohttp follows redirects of a handshake, to whatever address a service names, and keeps nothing of
a refusal but its status. A middleware of the client sees each answer before either happens.
"""

from __future__ import annotations

from typing import Final

import aiohttp

from fastapp.gateway.headers import Headers

#: Largest body of a refusal.
MAX_REFUSAL: Final = 1 << 20


class HandshakeRefused(Exception):
    """The service answered, and not with a WebSocket.

    Attributes:
        status: HTTP status code.
        headers: of the answer.
        body: all of it.
    """

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


async def switched_only(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Let an answer through that begins a WebSocket.

    Raises:
        HandshakeRefused: it is another.
        ClientPayloadError: its body broke off, or is too large.
    """
    response = await handler(request)
    if response.status == 101:
        return response
    body = bytearray()
    async with response:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_REFUSAL:
                response.close()
                raise aiohttp.ClientPayloadError("the refusal of a handshake is too large")
    raise HandshakeRefused(response.status, list(response.raw_headers), bytes(body))
