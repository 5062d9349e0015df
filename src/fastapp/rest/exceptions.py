"""Errors that endpoints raise to answer with the uniform error body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class APIError(Exception):
    """An error answer. Subclasses set the class attributes.

    Attributes:
        status: HTTP status code.
        error: short code for programs.
        message: one sentence for people.
        detail: more for programs, of JSON types.
        headers: further response headers.
    """

    status: ClassVar[int] = 500
    error: str = "error"
    message: str = "An error occurred."

    def __init__(
        self,
        message: str | None = None,
        *,
        detail: Any = None,
        error: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = self.message if message is None else message
        self.error = self.error if error is None else error
        self.detail = detail
        self.headers = headers
        super().__init__(self.message)


class BadRequest(APIError):
    """400."""

    status = 400
    error = "bad_request"
    message = "The request is wrong."


class NotAuthenticated(APIError):
    """401."""

    status = 401
    error = "not_authenticated"
    message = "Authentication is required."


class PermissionDenied(APIError):
    """403."""

    status = 403
    error = "permission_denied"
    message = "You do not have permission to do this."


class NotFound(APIError):
    """404."""

    status = 404
    error = "not_found"
    message = "Not found."


class Conflict(APIError):
    """409."""

    status = 409
    error = "conflict"
    message = "The request conflicts with the present state."


class ServiceUnavailable(APIError):
    """503."""

    status = 503
    error = "service_unavailable"
    message = "The service is not available at the moment."
