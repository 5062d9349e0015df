"""What the gateway notes in a request's scope, for the log, the metrics and the spans."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import Scope

#: The prefix that chose the service; "" for the default one.
PREFIX: Final = "fastapp.gateway.prefix"
#: URL of the upstream that was asked last.
UPSTREAM: Final = "fastapp.gateway.upstream"


class RequestNames:
    """Where a request went, for its line in the log."""

    def fields(self, scope: Scope) -> dict[str, Any]:
        """The prefix as the route, and the upstream; nothing of what no service has."""
        found = {}
        if PREFIX in scope:
            found["route"] = f"/{scope[PREFIX]}"
        if UPSTREAM in scope:
            found["upstream"] = scope[UPSTREAM]
        return found
