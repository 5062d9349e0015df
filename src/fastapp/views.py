"""Class-based views."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar

from fastapp.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class ViewEndpoints:
    """What ``View.as_view()`` gives to ``path()``.

    Attributes:
        endpoints: one FastAPI endpoint function for each HTTP method.
        view_class: the class they are of.
    """

    endpoints: Mapping[str, Callable[..., Any]]
    view_class: type[View]


class View:
    """A view with a method for each HTTP method: ``get``, ``post``, ``put``, ``patch``, ``delete``.

    The methods take parameters as FastAPI endpoints do. Each request gets an object of its own.
    """

    http_method_names: ClassVar[tuple[str, ...]] = ("get", "post", "put", "patch", "delete")

    @classmethod
    def as_view(cls, **initial: Any) -> ViewEndpoints:
        """The view for ``path()``.

        Args:
            **initial: attributes of every object; the class must have them.

        Raises:
            ImproperlyConfigured: there is no method for any HTTP method, or no such attribute.
        """
        for name in initial:
            if not hasattr(cls, name):
                raise ImproperlyConfigured(f"{cls.__name__}.as_view(): no attribute {name!r}")
        endpoints = {
            name.upper(): _endpoint(cls, getattr(cls, name), initial)
            for name in cls.http_method_names
            if callable(getattr(cls, name, None))
        }
        if not endpoints:
            raise ImproperlyConfigured(
                f"{cls.__name__}: expected a method named {', '.join(cls.http_method_names)}"
            )
        return ViewEndpoints(endpoints, cls)


def _endpoint(
    cls: type[View], method: Callable[..., Any], initial: Mapping[str, Any]
) -> Callable[..., Any]:
    def make() -> View:
        view = cls()
        for name, value in initial.items():
            setattr(view, name, value)
        return view

    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def endpoint(**kwargs: Any) -> Any:
            return await method(make(), **kwargs)

    else:

        @wraps(method)
        def endpoint(**kwargs: Any) -> Any:
            return method(make(), **kwargs)

    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]
    endpoint.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return endpoint
