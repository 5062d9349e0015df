"""Which route of an application a request was for, by the template of its path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount
from starlette.types import Scope

from fastapp.apps import AppConfig

#: The route of requests that no route takes.
UNMATCHED = "unmatched"


class RouteNames:
    """Templates such as "/shop/orders/{id}" and labels of apps.

    There are no more of them than the application has, whatever clients ask for.
    """

    def __init__(self, configs: list[AppConfig]) -> None:
        self._labels = {config.prefix: config.label for config in configs}
        self._deepest = max((prefix.count("/") + 1 for prefix in self._labels), default=1)
        #: The application; given when it has been made.
        self.application: Any = None
        self._known: dict[tuple[int, str], tuple[object, tuple[str, str]]] = {}

    def app(self, path: str) -> str:
        """Label of the app that a path belongs to, or "" of the framework's own and of none."""
        parts = path.split("/", self._deepest + 1)
        for length in range(len(parts) - 1, 0, -1):
            label = self._labels.get("/".join(parts[1 : length + 1]))
            if label is not None:
                return label
        return ""

    def named(self, scope: Scope) -> tuple[str, str]:
        """App and template of a request that has been served.

        The template is the mount's for what a mounted application has no route for.
        """
        # FastAPI keeps a route that was included apart from what it became by that.
        context = scope.get("fastapi", {}).get("effective_route_context")
        route = context or scope.get("route") or scope.get("endpoint")
        root: str = scope.get("root_path", "")
        found = self._known.get((id(route), root))
        if found is not None and found[0] is route:
            return found[1]
        names = self._find(scope, context, root)
        if route is not None and names[1] != UNMATCHED:
            # To find them takes longer than many an endpoint. No more than there are routes, also
            # where an application makes new ones.
            if len(self._known) > 2 * len(self._templates):
                self._known.clear()
            self._known[id(route), root] = (route, names)
        return names

    def _find(self, scope: Scope, context: Any, root: str) -> tuple[str, str]:
        route = getattr(context, "starlette_route", None) or context or scope.get("route")
        # Starlette adds to both at each mount.
        template = root.removeprefix(scope.get("app_root_path", ""))
        if route is not None and not isinstance(route, Mount):
            template += getattr(route, "path_format", "")
        elif not template:
            # FastAPI does not tell of routes that are Starlette's, such as "/docs".
            template = self._endpoints.get(id(scope.get("endpoint")), UNMATCHED)
        if template not in self._templates:
            return self.app(scope["path"]), UNMATCHED
        return self.app(template), template

    def fields(self, scope: Scope) -> dict[str, Any]:
        """For the log."""
        app, route = self.named(scope)
        return {"app": app, "route": route}

    @cached_property
    def _endpoints(self) -> dict[int, str]:
        """Templates by endpoint, at the first request: lifespans may have added some."""
        return {id(endpoint): template for endpoint, template in _walk(self.application.routes)}

    @cached_property
    def _templates(self) -> frozenset[str]:
        return frozenset(template for _, template in _walk(self.application.routes))


def _walk(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[object, str]]:
    """Endpoint and template of every route, mounts and what is in them included."""
    for context in iter_route_contexts(list(routes)):
        route = context.original_route
        if isinstance(route, Mount):
            yield route.app, prefix + route.path
            yield from _walk(route.routes, prefix + route.path)
        elif context.path_format is not None:
            yield context.endpoint, prefix + context.path_format
