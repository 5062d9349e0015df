"""The uniform error body: ``{"error", "message", "detail", "request_id"}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse

from fastapp.logs import current_request_id


def error_response(
    status: int,
    error: str,
    message: str,
    detail: Any = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error answer.

    Args:
        status: HTTP status code.
        error: short code for programs, such as "not_found".
        message: one sentence for people.
        detail: more for programs, of JSON types; None when there is none.
        headers: further response headers.
    """
    body = {
        "error": error,
        "message": message,
        "detail": jsonable_encoder(detail),
        "request_id": current_request_id(),
    }
    return JSONResponse(body, status_code=status, headers=headers)


def internal_error() -> JSONResponse:
    """The answer to an error of ours: never a word about what it was."""
    return error_response(500, "internal_error", "An internal error occurred.")
