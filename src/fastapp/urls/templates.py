"""Which route of an application a request was for, by the template of its path."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from starlette.routing import Mount
from starlette.types import Scope

from fastapp.apps import AppConfig
from fastapp.urls.listing import list_routes

#: The type in "{id:int}".
_TYPE = re.compile(r":[^{}]*}")
#: The route of requests that no route takes, and the app of those that no app has.
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

    def app(self, path: str) -> str:
        """Label of the app that a path belongs to, or "" of the framework's own and of none."""
        parts = path.split("/", self._deepest + 1)
        for length in range(len(parts) - 1, 0, -1):
            label = self._labels.get("/".join(parts[1 : length + 1]))
            if label is not None:
                return label
        return ""

    def route(self, scope: Scope) -> str:
        """The template of a request that has been served."""
        # FastAPI keeps a route that was included apart from what it became by that.
        context = scope.get("fastapi", {}).get("effective_route_context")
        route = context or scope.get("route")
        path = getattr(getattr(context, "starlette_route", None) or route, "path_format", None)
        # Starlette adds to both at each mount.
        root: str = scope.get("root_path", "").removeprefix(scope.get("app_root_path", ""))
        template = root if path is None or isinstance(route, Mount) else f"{root}{path}"
        return template if template in self._templates else UNMATCHED

    def fields(self, scope: Scope) -> dict[str, Any]:
        """For the log."""
        return {"app": self.app(scope["path"]), "route": self.route(scope)}

    @cached_property
    def _templates(self) -> frozenset[str]:
        """Of all routes, at the first request: lifespans may have added some."""
        routes = self.application.routes
        found = {_TYPE.sub("}", route.path) for route in list_routes(routes)}
        return frozenset(found | set(_mounts(routes)))


def _mounts(routes: Any, prefix: str = "") -> list[str]:
    found = []
    for route in routes:
        if isinstance(route, Mount):
            found += [prefix + route.path, *_mounts(route.routes, prefix + route.path)]
    return found
