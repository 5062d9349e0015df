"""Answers to what does not reach an application, in bytes."""

from __future__ import annotations

import json
from typing import Final

_PHRASES: Final = {
    400: ("bad_request", "Bad Request", "The request is not valid HTTP."),
    408: ("request_timeout", "Request Timeout", "The request did not arrive in time."),
    431: (
        "headers_too_large",
        "Request Header Fields Too Large",
        "The request line and headers are too large.",
    ),
}


def refusal_body(status: int) -> bytes:
    """The body of an error, as every error of the server has."""
    error, _phrase, message = _PHRASES[status]
    fields = {"error": error, "message": message, "detail": None, "request_id": "-"}
    return json.dumps(fields).encode()


def refusal(status: int) -> bytes:
    """The whole answer; the connection is closed behind it."""
    body = refusal_body(status)
    head = (
        f"HTTP/1.1 {status} {_PHRASES[status][1]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
