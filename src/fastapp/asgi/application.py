"""Making the ASGI application of all installed apps."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from fastapp import __version__
from fastapp.apps import AppConfig, apps
from fastapp.apps.loading import import_string
from fastapp.asgi.errors import install_error_handlers
from fastapp.asgi.lifespan import make_lifespan, settings_lifespans
from fastapp.asgi.observability import Observability
from fastapp.conf import settings
from fastapp.conf.required import require_settings
from fastapp.contrib.healthz import HEALTH_PATHS, health_router
from fastapp.contrib.metrics import METRICS_PATH
from fastapp.docs import install_docs
from fastapp.exceptions import ImproperlyConfigured
from fastapp.middleware.allowed_hosts import DEVELOPMENT_HOSTS, AllowedHostsMiddleware
from fastapp.middleware.catch_all import CatchAllMiddleware
from fastapp.urls.build import app_router

logger = logging.getLogger("fastapp.security")


def create_application(labels: Collection[str] | None = None) -> FastAPI:
    """The application that serves every installed app at ``/{prefix}``.

    An app with an ``asgi.py`` is mounted as that application, with its own middleware, handlers
    and lifespan; the routes of other apps are included directly.

    Args:
        labels: serve these apps only, at the same URLs; None is all.

    Raises:
        ImproperlyConfigured: the settings do not allow to serve.
        AppLoadError: a module of an app fails to import.
    """
    require_settings(settings)
    if not (settings.DEBUG or settings.ALLOWED_HOSTS):
        logger.warning("ALLOWED_HOSTS is empty: every request is refused. Set QK_ALLOWED_HOSTS.")
    return build_application(labels)


def build_application(labels: Collection[str] | None = None) -> FastAPI:
    """As :func:`create_application`, without asking whether the settings allow to serve.

    For commands that look at the application and never serve it.
    """
    apps.populate()
    served = [config for config in apps if labels is None or config.label in labels]
    mounted = {config.label: app for config in served if (app := _own_application(config))}
    watch = Observability(served, served[0].label if labels and len(served) == 1 else "fastapp")
    app = FastAPI(
        title="QingKong",
        version=__version__,
        lifespan=make_lifespan([*watch.lifespans(), *settings_lifespans()], list(mounted.values())),
        middleware=[watch.middleware(), *middleware_stack()],
        telemetry=watch.telemetry,
    )
    watch.attach(app)
    install_error_handlers(app)
    install_docs(app)
    for config in served:
        sub = mounted.get(config.label)
        if sub is not None:
            app.mount(f"/{config.prefix}", sub, name=config.label)
        else:
            router = app_router(config)
            if router is not None:
                app.include_router(router, prefix=f"/{config.prefix}")
    # Last, as routes are tried in order; no app can have its prefix.
    app.include_router(health_router)
    return app


def middleware_stack() -> list[Middleware]:
    """The middleware inside the outermost one, in order."""
    allowed = settings.ALLOWED_HOSTS or (DEVELOPMENT_HOSTS if settings.DEBUG else [])
    # Probes and Prometheus ask by address.
    exempt = (*HEALTH_PATHS, *([METRICS_PATH] if settings.METRICS_ENABLED else ()))
    stack = [Middleware(AllowedHostsMiddleware, allowed=allowed, exempt_paths=exempt)]
    if settings.CORS_ALLOWED_ORIGINS:
        stack.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.CORS_ALLOWED_ORIGINS,
                allow_credentials=settings.CORS_ALLOW_CREDENTIALS,
                allow_methods=settings.CORS_ALLOW_METHODS,
                allow_headers=settings.CORS_ALLOW_HEADERS,
                expose_headers=settings.CORS_EXPOSE_HEADERS,
                max_age=settings.CORS_MAX_AGE,
            )
        )
    stack.append(Middleware(CatchAllMiddleware))
    for path in settings.MIDDLEWARE:
        found = import_string(path, "MIDDLEWARE")
        if not isinstance(found, type):
            raise ImproperlyConfigured(
                f"settings: MIDDLEWARE={path!r}: expected an ASGI middleware class, got {found!r}. "
                "Fix: name a class in QK_MIDDLEWARE or the settings module."
            )
        factory: Any = found
        stack.append(Middleware(factory))
    return stack


def _own_application(config: AppConfig) -> Starlette | None:
    """The application in the app's ``asgi.py`` with the routes of its ``urls.py``, or None."""
    module = config.import_module("asgi")
    if module is None:
        return None
    app = getattr(module, "app", None)
    if not isinstance(app, FastAPI):
        raise ImproperlyConfigured(
            f"app {config.label!r}: {module.__name__} ({module.__file__}): expected a FastAPI "
            f"application named 'app', got {type(app).__name__}. Fix: write app = FastAPI() in it, "
            "or remove the module."
        )
    router = app_router(config)
    # The module lives as long as the process, while applications are made again and again in tests.
    if router is not None and not getattr(app.state, "fastapp_routed", False):
        app.include_router(router)
        app.state.fastapp_routed = True
    app.debug = False  # a traceback page would show exception text
    install_error_handlers(app, mounted=True)
    install_docs(app)
    return app
