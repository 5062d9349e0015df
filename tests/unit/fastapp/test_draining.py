"""What a WebSocket's protocol does by itself. With clients and servers: tests/integration."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn
from uvicorn.server import ServerState

from fastapp.draining import DrainingWebSocket


async def application(_scope: Any, _receive: Any, _send: Any) -> None:
    """Never called."""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("field", "status"),
    [(b"X: \x7f", b"400"), (b"Cookie: " + b"a" * 9000, b"431")],
    ids=["control", "cookie"],
)
async def test_a_refused_handshake_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture, field: bytes, status: bytes
) -> None:
    protocol = DrainingWebSocket(uvicorn.Config(application), ServerState(), {})
    transport = Mock()
    transport.get_extra_info.return_value = None
    protocol.connection_made(transport)
    protocol.data_received(b"GET /?token=secret HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\n")
    assert transport.write.call_args.args[0].startswith(b"HTTP/1.1 " + status)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Invalid WebSocket handshake received.")
    ]
