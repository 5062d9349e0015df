"""For Traefik."""

from __future__ import annotations

from typing import Any

from fastapp.gateway.config import GatewayConfig
from fastapp.gateway.export.routing import hidden_pattern, mark_of, routes_of


def traefik(config: GatewayConfig) -> dict[str, Any]:
    """The dynamic configuration of Traefik 3 (file provider); entry point "web"."""
    routers: dict[str, Any] = {}
    services: dict[str, Any] = {}
    middlewares: dict[str, Any] = {}
    for prefix, urls in routes_of(config):
        mark = f"qk_{mark_of(prefix)}"
        rule = (
            "PathPrefix(`/`)"
            if prefix is None
            else f"Path(`/{prefix}`) || PathPrefix(`/{prefix}/`)"
        )
        # What no rule takes is 404; a router without servers would say 503.
        rule = f"({rule}) && !PathRegexp(`(?i){hidden_pattern(config)}`)"
        router: dict[str, Any] = {"rule": rule, "entryPoints": ["web"], "service": mark}
        router["priority"] = 1 + len(prefix or "")
        if prefix in config.strip_prefixes:
            middlewares[f"{mark}_strip"] = {"stripPrefix": {"prefixes": [f"/{prefix}"]}}
            router["middlewares"] = [f"{mark}_strip"]
        routers[mark] = router
        services[mark] = {
            "loadBalancer": {
                "servers": [{"url": url} for url in urls],
                "passHostHeader": True,
                "serversTransport": "qk",
                # At once, for events.
                "responseForwarding": {"flushInterval": "-1"},
            }
        }
    http: dict[str, Any] = {
        "routers": routers,
        "services": services,
        "serversTransports": {
            "qk": {
                "forwardingTimeouts": {
                    "dialTimeout": f"{config.connect_timeout}s",
                    "responseHeaderTimeout": f"{config.read_timeout}s",
                }
            }
        },
    }
    if middlewares:
        http["middlewares"] = middlewares
    return {"http": http}
