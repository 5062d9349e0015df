"""The lifespan of the whole application: logging, databases, the project's and the apps' own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI
from starlette.applications import Starlette

from fastapp.apps.loading import import_string
from fastapp.conf import settings
from fastapp.db.lifecycle import databases
from fastapp.exceptions import ImproperlyConfigured

Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


def settings_lifespans() -> list[Lifespan]:
    """The functions that LIFESPANS names.

    Raises:
        ImproperlyConfigured: one cannot be imported or cannot be called.
    """
    found: list[Lifespan] = []
    for path in settings.LIFESPANS:
        lifespan = import_string(path, "LIFESPANS")
        if not callable(lifespan):
            raise ImproperlyConfigured(
                f"settings: LIFESPANS={path!r}: expected an async context manager function, "
                f"got {lifespan!r}. Fix: name one in QK_LIFESPANS or the settings module."
            )
        found.append(cast(Lifespan, lifespan))
    return found


def make_lifespan(lifespans: Sequence[Lifespan], mounted: Sequence[Starlette]) -> Lifespan:
    """One lifespan of many, entered in order and left in reverse order.

    Databases are open before the first is entered and until the last is left. What the lifespans
    yield is merged into the state of requests.

    Args:
        lifespans: take the outer application, as those that LIFESPANS names.
        mounted: applications of apps; servers never tell these about the lifespan, so it is done
            here.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        state: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(databases(serving=True))
            for enter in lifespans:
                _merge(state, await stack.enter_async_context(enter(app)))
            for sub in mounted:
                _merge(state, await stack.enter_async_context(sub.router.lifespan_context(sub)))
            yield state

    return lifespan


def _merge(state: dict[str, Any], given: object) -> None:
    if isinstance(given, Mapping):
        state.update(given)
