"""Exception handlers that give every error the uniform body."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
)
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from tortoise.exceptions import (
    DBConnectionError,
    DoesNotExist,
    IntegrityError,
    OperationalError,
)

from fastapp.asgi.responses import error_response, internal_error
from fastapp.db.errors import is_connection_lost
from fastapp.exceptions import UnstorableValue
from fastapp.rest.exceptions import APIError

logger = logging.getLogger("fastapp.request")

Handler = Callable[[Request, Any], Awaitable[Response]]

_CODES = {
    400: "bad_request",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "throttled",
    503: "service_unavailable",
}
_FASTAPI_DEFAULTS = (http_exception_handler, request_validation_exception_handler)


async def handle_api_error(_request: Request, exc: APIError) -> Response:
    """An error that an endpoint raised on purpose."""
    return error_response(exc.status, exc.error, exc.message, exc.detail, exc.headers)


async def handle_http_exception(_request: Request, exc: HTTPException) -> Response:
    """``HTTPException``: its text becomes the message, other data the detail."""
    if exc.status_code in (204, 304):
        return Response(status_code=exc.status_code, headers=exc.headers)
    status = HTTPStatus(exc.status_code) if exc.status_code in _STATUSES else None
    error = _CODES.get(exc.status_code, "error" if status is None else status.name.lower())
    is_text = isinstance(exc.detail, str)
    message = exc.detail if is_text else "Error." if status is None else f"{status.phrase}."
    detail = None if is_text else exc.detail
    return error_response(exc.status_code, error, message, detail, exc.headers)


async def handle_validation_error(_request: Request, exc: RequestValidationError) -> Response:
    """422 with the place and the text of each mistake.

    What the client sent is not repeated: it may be a password, and it may end up in a log.
    """
    detail = [
        {"loc": list(item["loc"]), "message": item["msg"], "type": item["type"]}
        for item in exc.errors()
    ]
    return error_response(422, "validation_error", "The request is not valid.", detail)


async def handle_unstorable_value(_request: Request, exc: UnstorableValue) -> Response:
    """A value that passed the endpoint's model and that the database could not hold: 422."""
    detail = [{"loc": ["body", exc.field], "message": f"expected {exc.expected}", "type": "value"}]
    return error_response(422, "validation_error", "The request is not valid.", detail)


async def handle_overflow(_request: Request, exc: OverflowError) -> Response:
    """A number that is too large for a column of SQLite, to store or to look for: 422.

    Servers of databases compare such numbers; SQLite's driver does not take them.
    """
    if "SQLite INTEGER" not in str(exc):
        raise exc
    detail = [{"loc": [], "message": "expected whole numbers of at most 8 bytes", "type": "value"}]
    return error_response(422, "validation_error", "The request is not valid.", detail)


async def handle_does_not_exist(_request: Request, _exc: DoesNotExist) -> Response:
    """A row that is not there: 404, without the query."""
    return error_response(404, "not_found", "Not found.")


async def handle_integrity_error(_request: Request, exc: IntegrityError) -> Response:
    """A broken constraint: 409. Its text names tables and values, so only the log gets it."""
    logger.warning("integrity error: %s", exc)
    return error_response(409, "conflict", "The request conflicts with the present state.")


async def handle_database_error(
    _request: Request, exc: DBConnectionError | OperationalError
) -> Response:
    """The database cannot be reached: 503, so that clients and balancers try again."""
    if not is_connection_lost(exc):
        raise exc
    logger.error("database is not reachable: %s", exc)
    return error_response(503, "service_unavailable", "The service is not available at the moment.")


async def handle_unexpected(_request: Request, _exc: Exception) -> Response:
    """Anything else. The log is written by CatchAllMiddleware, which sees the exception too."""
    return internal_error()


_STATUSES = frozenset(status.value for status in HTTPStatus)
_HANDLERS: dict[type[Exception], Handler] = {
    APIError: handle_api_error,
    HTTPException: handle_http_exception,
    RequestValidationError: handle_validation_error,
    UnstorableValue: handle_unstorable_value,
    OverflowError: handle_overflow,
    DoesNotExist: handle_does_not_exist,
    IntegrityError: handle_integrity_error,
    DBConnectionError: handle_database_error,
    OperationalError: handle_database_error,
}


def install_error_handlers(app: FastAPI, *, mounted: bool = False) -> None:
    """Give an application the uniform errors, keeping handlers that it set itself.

    Args:
        app: the application.
        mounted: the application lies under another one. Starlette then answers 500 inside it,
            before the catch-all middleware of the outer one could.
    """
    for kind, handler in _HANDLERS.items():
        if app.exception_handlers.get(kind) in (None, *_FASTAPI_DEFAULTS):
            app.exception_handlers[kind] = handler
    if mounted:
        app.exception_handlers.setdefault(Exception, handle_unexpected)
