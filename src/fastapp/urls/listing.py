"""Listing the routes of an application, and finding the ones that hide each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount

from fastapp.urls.routes import comparable


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """One route of an application.

    Attributes:
        path: whole path with the app's prefix, in the syntax of Starlette.
        methods: HTTP methods in order of name; ("WEBSOCKET",) for a WebSocket.
        name: name of the route, or "".
        view: dotted name of the endpoint.
    """

    path: str
    methods: tuple[str, ...]
    name: str
    view: str


def list_routes(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[RouteInfo]:
    """Every route, included routers and mounted applications walked through, in matching order."""
    for context in iter_route_contexts(list(routes)):
        route = context.original_route
        if isinstance(route, Mount):
            yield from list_routes(route.routes, prefix + route.path)
            continue
        endpoint = getattr(route, "endpoint", None)
        if endpoint is None:
            continue
        methods = context.methods or ("WEBSOCKET",)
        yield RouteInfo(
            path=prefix + str(context.path or ""),
            methods=tuple(sorted(methods)),
            name=context.name or "",
            view=dotted_name(endpoint),
        )


def dotted_name(endpoint: object) -> str:
    """Module and name of an endpoint function."""
    module = getattr(endpoint, "__module__", "?")
    name = getattr(endpoint, "__qualname__", type(endpoint).__qualname__)
    return f"{module}.{name}"


def find_conflicts(routes: Iterable[RouteInfo]) -> list[tuple[str, RouteInfo, RouteInfo]]:
    """Routes that can never be reached, as an earlier one takes the same method and path.

    Returns:
        Tuples of the HTTP method, the route that is served, and the one that is hidden.
    """
    served: dict[tuple[str, str], RouteInfo] = {}
    conflicts = []
    for route in routes:
        for method in route.methods:
            first = served.setdefault((method, comparable(route.path)), route)
            if first is not route:
                conflicts.append((method, first, route))
    return conflicts
