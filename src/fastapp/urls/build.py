"""From ``urlpatterns`` to FastAPI routers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

from fastapp.apps import AppConfig
from fastapp.exceptions import ImproperlyConfigured
from fastapp.urls.patterns import Include, MethodEndpoints, Path


def app_router(config: AppConfig) -> APIRouter | None:
    """The router of an app's ``urls.py``, without the prefix; None when there is no such file.

    Raises:
        AppLoadError: ``urls.py`` fails to import.
        ImproperlyConfigured: it has no ``urlpatterns``, or a pattern is wrong.
    """
    module = config.import_module("urls")
    if module is None:
        return None
    return build_router(patterns_of(module), config.label, config.label)


def patterns_of(module: ModuleType) -> Sequence[Path]:
    """The ``urlpatterns`` of a module.

    Raises:
        ImproperlyConfigured: there is none, or it is no list of ``path()``.
    """
    patterns = getattr(module, "urlpatterns", None)
    where = f"{module.__name__} ({module.__file__})"
    if not isinstance(patterns, list | tuple):
        raise ImproperlyConfigured(
            f"{where}: expected a list named 'urlpatterns', got {type(patterns).__name__}. "
            "Fix: write urlpatterns = [path(...), ...]."
        )
    for pattern in patterns:
        if not isinstance(pattern, Path):
            raise ImproperlyConfigured(
                f"{where}: urlpatterns: expected path(...), got {pattern!r}. "
                "Fix: wrap it in path(), or remove it."
            )
    return patterns


def build_router(patterns: Sequence[Path], app: str, namespace: str) -> APIRouter:
    """A router of these patterns.

    Args:
        patterns: entries of a ``urlpatterns``.
        app: label of the app, for errors.
        namespace: put before the name of every route.
    """
    router = APIRouter()
    for pattern in patterns:
        try:
            _add(router, pattern, app, namespace)
        except ImproperlyConfigured:
            raise
        except Exception as exc:
            raise ImproperlyConfigured(
                f"app {app!r}: route {pattern.route!r}: {type(exc).__name__}: {exc}"
            ) from exc
    return router


def _add(router: APIRouter, pattern: Path, app: str, namespace: str) -> None:
    view = pattern.view
    if isinstance(view, Include):
        _include(router, pattern, view, app, namespace)
    elif isinstance(view, MethodEndpoints):
        for method, endpoint in view.endpoints.items():
            _add_endpoint(router, pattern, endpoint, [method], namespace)
    else:
        _add_endpoint(router, pattern, view, list(pattern.methods or ()), namespace)


def _add_endpoint(
    router: APIRouter,
    pattern: Path,
    endpoint: Callable[..., Any],
    methods: list[str],
    namespace: str,
) -> None:
    name = pattern.name or getattr(endpoint, "__name__", type(endpoint).__name__)
    router.add_api_route(
        pattern.path, endpoint, methods=methods, name=f"{namespace}:{name}", **pattern.options
    )


def _include(router: APIRouter, pattern: Path, included: Include, app: str, namespace: str) -> None:
    inner_namespace = f"{namespace}:{included.namespace}" if included.namespace else namespace
    source = included.source
    if isinstance(source, str):
        source = importlib.import_module(source)
    if isinstance(source, ModuleType):
        source = patterns_of(source)
    inner = source if isinstance(source, APIRouter) else build_router(source, app, inner_namespace)
    # A router's prefix has no slash at its end: "x/" + "y" and "x" + "/y" both mean "x/y".
    router.include_router(inner, prefix=pattern.path.rstrip("/"), **pattern.options)


def api_routes(router: APIRouter) -> list[APIRoute]:
    """The endpoints of a router, in order."""
    return [route for route in router.routes if isinstance(route, APIRoute)]
