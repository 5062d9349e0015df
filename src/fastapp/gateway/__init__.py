"""The gateway: one address in front of the services that ``runserver`` starts.

``create_gateway`` is the factory that servers are given. What it makes is an ASGI application like
any other and can be embedded (``app.mount("/", create_gateway())``, or any ASGI server); one that
takes its configuration from elsewhere than the settings is ``Gateway(GatewayConfig(...))``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapp.gateway.application import Gateway, create_gateway
    from fastapp.gateway.config import GatewayConfig

__all__ = ["Gateway", "GatewayConfig", "create_gateway"]


def __getattr__(name: str) -> Any:
    # Lazy: the configuration is of use (``--print-config``) without the HTTP client.
    if name in ("Gateway", "create_gateway"):
        from fastapp.gateway import application

        return getattr(application, name)
    if name == "GatewayConfig":
        from fastapp.gateway.config import GatewayConfig

        return GatewayConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
