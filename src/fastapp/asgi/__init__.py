"""ASGI applications of a project.

``fastapp.asgi:create_application`` is the factory that servers are given; making an application
needs no running event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapp.asgi.application import create_application

__all__ = ["create_application"]


def __getattr__(name: str) -> Any:
    # Lazy, as fastapp.middleware needs fastapp.asgi.responses and application needs the former.
    if name == "create_application":
        from fastapp.asgi.application import create_application

        return create_application
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
