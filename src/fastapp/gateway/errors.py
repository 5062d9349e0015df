"""The errors that the gateway answers itself, in the uniform form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from fastapp.asgi.responses import error_response


class GatewayError(Exception):
    """A request that ends in an answer of the gateway's own.

    Attributes:
        status: HTTP status code.
        error: code for programs.
        message: one sentence for people; never what a library or a service said.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        detail: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.detail = detail
        self.headers = headers

    def response(self) -> Response:
        """The answer."""
        return error_response(self.status, self.error, self.message, self.detail, self.headers)


class ClientGone(Exception):
    """The client closed its connection: there is no one to answer."""


def bad_gateway() -> GatewayError:
    """The service cannot be reached, or broke off before it answered."""
    return GatewayError(502, "bad_gateway", "The service did not answer.")


def gateway_timeout() -> GatewayError:
    """The service took too long."""
    return GatewayError(504, "gateway_timeout", "The service did not answer in time.")


def not_found() -> GatewayError:
    """No service has this path."""
    return GatewayError(404, "not_found", "Not found.")


def bad_request(message: str) -> GatewayError:
    """A request that is not passed on."""
    return GatewayError(400, "bad_request", message)


def too_large(limit: int) -> GatewayError:
    """A body beyond the limit."""
    return GatewayError(
        413, "payload_too_large", "The request body is too large.", {"max_bytes": limit}
    )


def client_timeout() -> GatewayError:
    """A client that stopped sending in the middle of its body."""
    return GatewayError(
        408,
        "request_timeout",
        "The request body did not arrive in time.",
        headers={"Connection": "close"},
    )
