"""Checks of apps and URLs. Numbers 030 to 059."""

from __future__ import annotations

from collections.abc import Iterator

from fastapp.apps import apps
from fastapp.apps.ports import check_ports
from fastapp.checks.messages import CheckMessage, error
from fastapp.conf import settings
from fastapp.exceptions import FastAppError

#: Modules of an app that are imported when they exist.
APP_MODULES = ("models", "urls", "views", "asgi", "commands", "serializers", "filters")


def check_apps() -> Iterator[CheckMessage]:
    """Every app can be loaded, with all its modules, and no two collide."""
    try:
        apps.populate()
    except FastAppError as exc:
        yield error(30, str(exc))
        return
    for config in apps:
        for module in APP_MODULES:
            try:
                config.import_module(module)
            except FastAppError as exc:
                yield error(31, str(exc))
    try:
        check_ports(apps)
    except FastAppError as exc:
        yield error(32, str(exc))


def check_gateway() -> Iterator[CheckMessage]:
    """The prefixes and URLs of the gateway's settings make a routing."""
    from fastapp.gateway.config import gateway_config

    try:
        gateway_config(settings, apps)
    except FastAppError as exc:
        yield error(42, str(exc))


def check_urls() -> Iterator[CheckMessage]:
    """The application can be made, and no route hides another."""
    from fastapp.asgi.application import build_application
    from fastapp.urls.listing import find_conflicts, list_routes

    try:
        application = build_application()
    except FastAppError as exc:
        yield error(40, str(exc))
        return
    for method, served, hidden in find_conflicts(list_routes(application.routes)):
        yield error(
            41,
            f"{method} {hidden.path} of {hidden.view} is never reached: "
            f"{served.view} takes {served.path} before.",
            "Remove one, or give them different methods.",
        )
