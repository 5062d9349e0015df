"""``path()`` and ``include()``: what ``urlpatterns`` is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from fastapi import APIRouter

from fastapp.exceptions import ImproperlyConfigured
from fastapp.urls.routes import to_starlette

DEFAULT_METHODS = ("GET",)


@runtime_checkable
class MethodEndpoints(Protocol):
    """What ``View.as_view()`` gives: one endpoint function for each HTTP method."""

    @property
    def endpoints(self) -> Mapping[str, Callable[..., Any]]:
        """Endpoint functions by HTTP method."""


@dataclass(frozen=True, slots=True)
class Include:
    """Patterns that :func:`path` puts under a route.

    Attributes:
        source: dotted name of a urls module, the module, a list of patterns, or an APIRouter.
        namespace: put before the names of the routes, as in "namespace:name"; or None.
    """

    source: str | ModuleType | APIRouter | Sequence[Path]
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """One entry of ``urlpatterns``; made by :func:`path`.

    Attributes:
        route: the route as it was written.
        path: the route in the syntax of Starlette.
        view: an endpoint function, the result of ``View.as_view()``, or an :class:`Include`.
        name: name of the route, or None.
        methods: HTTP methods, or None when ``view`` says them.
        options: FastAPI's options of the route, or of the router for an :class:`Include`.
    """

    route: str
    path: str
    view: Callable[..., Any] | MethodEndpoints | Include
    name: str | None = None
    methods: tuple[str, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def include(
    source: str | ModuleType | APIRouter | Sequence[Path] | tuple[Sequence[Path], str],
    namespace: str | None = None,
) -> Include:
    """Use other patterns under the route of a :func:`path`.

    Args:
        source: dotted name of a module with ``urlpatterns``, such a module, a list of patterns,
            a tuple of a list of patterns and a namespace, or a FastAPI ``APIRouter``.
        namespace: put before the names of the routes: "namespace:name".
    """
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], str):
        patterns, own = source
        return Include(patterns, namespace or own)
    if isinstance(source, str | ModuleType | APIRouter | list | tuple):
        return Include(source, namespace)
    raise ImproperlyConfigured(
        f"include(): expected a module, its dotted name, a list of path() or an APIRouter, "
        f"got {type(source).__name__}"
    )


def path(
    route: str,
    view: Callable[..., Any] | MethodEndpoints | Include,
    *,
    name: str | None = None,
    methods: Iterable[str] | None = None,
    **options: Any,
) -> Path:
    """One entry of ``urlpatterns``.

    Args:
        route: relative to what includes it, such as "orders/<int:id>" or "orders/{id}". Types:
            str, int, float, slug, uuid, path.
        view: an endpoint function as in FastAPI, ``View.as_view()``, or :func:`include`.
        name: name of the route; in the whole project it is "<app label>:<name>".
        methods: HTTP methods of an endpoint function; GET unless told.
        **options: every option of FastAPI's ``add_api_route`` (``tags``, ``dependencies``,
            ``summary``, ``status_code``, ``response_model``, ...), or of ``include_router`` when
            ``view`` is :func:`include`.

    Raises:
        ImproperlyConfigured: the route or the view is wrong.
    """
    starlette_path = to_starlette(route)
    if isinstance(view, MethodEndpoints | Include):
        if methods is not None:
            raise ImproperlyConfigured(
                f"route {route!r}: methods are those of the view, so path() takes none here"
            )
        return Path(route, starlette_path, view, name, None, options)
    if isinstance(view, type) or not callable(view):
        hint = "; did you mean .as_view()?" if isinstance(view, type) else ""
        raise ImproperlyConfigured(
            f"route {route!r}: expected a function, View.as_view() or include(), got {view!r}{hint}"
            ". Fix: give one of them."
        )
    chosen = DEFAULT_METHODS if methods is None else tuple(method.upper() for method in methods)
    if not chosen or isinstance(methods, str):
        raise ImproperlyConfigured(
            f"route {route!r}: methods: expected a list such as ['GET', 'POST'], got {methods!r}. "
            "Fix: write a list, or leave it out for GET."
        )
    return Path(route, starlette_path, view, name, chosen, options)
